// `runtunnel init`.
import { AppError, InterruptedError, NotFoundError, UsageError } from "../../domain/errors.ts";
import type { SettingValue } from "../../domain/setting.ts";
import type { AppContext } from "../../tunnel/context.ts";
import type { SetupTarget } from "../../tunnel/setup.ts";
import type { Command, CommandRun } from "../command.ts";
import { logInAs } from "../log-in.ts";
import { readSwitch, readText } from "../options.ts";
import { type Answers, completeAnswers, gatherAnswers } from "../setup-answers.ts";

export const initCommand: Command = {
  usage: "init",
  summary: "Set up a platform: address and credentials, checked and kept",
  details:
    "Asks on the terminal, checks the answers against the server, and writes them to the configuration file, which nobody else can read. What `pipe` or `backend.ai` are configured with is found, and may be used as it is or copied. Secrets are never given as arguments: they are asked for, or come from standard input or the environment.",
  examples: [
    ["$0 init", "asks for everything"],
    ["$0 init --platform cloud-pipeline --import", "copies what pipe is configured with"],
    ["$0 init --platform cp --url https://cp.example/restapi --secret-stdin < token.txt", "without questions"],
    ["$0 init --profile test", "a second set of settings: runtunnel start --profile test ..."],
  ],
  writesProfile: true,
  options: (yargs) =>
    yargs
      .option("platform", { type: "string", describe: "Platform to set up: cloud-pipeline or backend-ai" })
      .option("url", { type: "string", describe: "Address of the platform" })
      .option("endpoint-type", {
        type: "string",
        choices: ["api", "session"],
        describe: "Backend.AI: the manager with a key pair, or the web UI with a login",
      })
      .option("access-key", { type: "string", describe: "Backend.AI: access key of the key pair" })
      .option("as", { type: "string", describe: "Backend.AI: user to log in as at the web UI" })
      .option("secret-stdin", { type: "boolean", describe: "Read the token or secret key from standard input" })
      .option("import", { type: "boolean", describe: "Copy what the platform's own client is configured with" })
      .option("skip-check", { type: "boolean", describe: "Write without asking the server" }),
  run,
};

/** What became of it. */
type Outcome = {
  readonly user: string | undefined;
  /** The file that was written, or undefined where the client's own is used as it is. */
  readonly file: string | undefined;
  readonly source: string | undefined;
};

async function run(call: CommandRun): Promise<undefined> {
  const { world, arguments: words, context, print } = call;
  const { getSetupTarget, setupTargets } = await import("../../tunnel/setup.ts");
  const named = readText(words, "platform") ?? (await askPlatform(setupTargets(context), call));
  const target = getSetupTarget(named, context);
  const outcome = await setUp(target, call);
  const profile = readText(words, "profile");
  print(
    { platform: target.name, user: outcome.user ?? null, file: outcome.file ?? null, profile: profile ?? null },
    () => renderOutcome(target, outcome, profile, world.configFile),
  );
  return undefined;
}

async function askPlatform(targets: readonly SetupTarget[], { world }: CommandRun): Promise<string> {
  if (world.prompts === undefined) {
    throw new UsageError("Cannot ask without a terminal, and --platform is missing", {
      code: "init-incomplete",
      hint: `Add --platform ${targets.map(({ name }) => name).join(" or --platform ")}`,
    });
  }
  return world.prompts.choose(
    "Which platform?",
    targets.map(({ name, title }) => ({ value: name, label: title })),
  );
}

async function setUp(target: SetupTarget, call: CommandRun): Promise<Outcome> {
  const { arguments: words, context } = call;
  const { findExistingSetup } = await import("../../tunnel/setup.ts");
  const found = await findExistingSetup(target, context);
  const own = call.settings.find(target.setup.questions[0]?.key ?? "");
  const isGiven = target.setup.questions.some(({ flag }) => flag !== undefined && words[flag] !== undefined);
  const wish = readSwitch(words, "import") ? "copy" : isGiven ? "enter" : await askWish(found, own, call);
  if (wish === "copy") {
    if (found === undefined) {
      throw new NotFoundError(`${target.title}'s own client is not configured on this machine`, {
        code: "nothing-to-import",
        hint: 'Run "runtunnel init" without --import',
      });
    }
    return keep(completeAnswers(target, found.answers), target, call);
  }
  const source = own?.source ?? found?.source;
  if (wish === "use" && source !== undefined) {
    return { user: await check(target, context, call), file: undefined, source };
  }
  return enter(target, call);
}

/** Gathers answers until they work, or until the person has had enough. */
async function enter(target: SetupTarget, call: CommandRun): Promise<Outcome> {
  const { world, arguments: words, settings } = call;
  const prompts = world.prompts === undefined ? {} : { prompts: world.prompts };
  const piped = readSwitch(words, "secret-stdin") ? (await world.readStdin()).trim() : undefined;
  let answers = await gatherAnswers(target, { words, settings, piped, ...prompts });
  for (;;) {
    try {
      return await keep(answers, target, call);
    } catch (error) {
      if (!(await wantsAnotherTry(error, piped, call))) throw error;
      answers = await gatherAnswers(target, { words: {}, settings, piped: undefined, previous: answers, ...prompts });
    }
  }
}

/** What to do with what the client has: use it as it is, copy it, or enter something else. */
async function askWish(
  found: { readonly source: string; readonly summary: string } | undefined,
  own: SettingValue | undefined,
  { world, arguments: words }: CommandRun,
): Promise<"use" | "copy" | "enter"> {
  if (readSwitch(words, "secret-stdin") || (found === undefined && own === undefined)) return "enter";
  if (world.prompts === undefined) return readText(words, "profile") === undefined ? "use" : "enter";
  if (found === undefined) return "enter";
  const answer = await world.prompts.choose(`Found in ${found.source}: ${found.summary}`, [
    // What our own file says would win over it.
    ...(own === undefined && readText(words, "profile") === undefined ? [USE] : []),
    { value: "copy", label: "Copy it into the configuration of runtunnel" },
    { value: "enter", label: "Enter something else" },
  ]);
  return answer === "use" || answer === "copy" ? answer : "enter";
}

const USE = { value: "use", label: "Use it as it is", hint: "a token that is renewed there is noticed" };

/** Checks the answers, then writes them. */
async function keep(answers: Answers, target: SetupTarget, call: CommandRun): Promise<Outcome> {
  const { world, arguments: words, configuration } = call;
  const { saveConfiguration } = await import("../../tunnel/setup.ts");
  const { setTomlValues } = await import("../toml-edit.ts");
  const derived: AppContext = {
    ...call.context,
    configuration: configuration.derive(Object.fromEntries(answers), undefined),
  };
  const needsLogin = target.setup.needsLogin?.(answers) === true;
  const login = needsLogin ? await logInAs(target.name, readText(words, "as"), { world, context: derived }) : undefined;
  const user = await check(target, derived, call);
  const profile = readText(words, "profile");
  const path = [...(profile === undefined ? [] : ["profiles", profile]), target.name];
  const prefix = `${target.name}.`;
  const values = Object.fromEntries([...answers].map(([key, value]) => [key.replace(prefix, ""), value]));
  await saveConfiguration(world.configFile, (text) => setTomlValues(text, path, values));
  return { user: login?.user ?? user, file: world.configFile, source: undefined };
}

async function check(target: SetupTarget, context: AppContext, call: CommandRun): Promise<string | undefined> {
  if (readSwitch(call.arguments, "skip-check")) return undefined;
  const { verifySetup } = await import("../../tunnel/setup.ts");
  context.progress.update(`Asking ${target.title}`);
  try {
    return await verifySetup(target, context);
  } finally {
    context.progress.done();
  }
}

/** A person who mistyped something is asked again. */
async function wantsAnotherTry(
  error: unknown,
  piped: string | undefined,
  { world, context }: CommandRun,
): Promise<boolean> {
  const isTheirs = error instanceof AppError && !(error instanceof InterruptedError);
  if (!isTheirs || world.prompts === undefined || piped !== undefined) return false;
  context.progress.note(`error: ${error.message}`);
  if (error.hint !== undefined) context.progress.note(`hint: ${error.hint}`);
  return world.prompts.confirm("Enter it again?");
}

function renderOutcome(target: SetupTarget, outcome: Outcome, profile: string | undefined, path: string): string {
  const who = outcome.user === undefined ? "" : ` as ${outcome.user}`;
  const where =
    outcome.file === undefined
      ? `Nothing is written: what is in ${outcome.source} is used as it is\n`
      : `Written to ${path}, which nobody else can read\n`;
  const flag = profile === undefined ? "" : ` --profile ${profile}`;
  return `${target.title} is set up${who}\n${where}Next: runtunnel runs${flag}\n`;
}
