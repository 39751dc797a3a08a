// The yargs program: commands and options assembled, words parsed, one command run.
import yargs, { type Argv } from "yargs";
import { UsageError } from "../domain/errors.ts";
import type { SettingDeclaration, Settings } from "../domain/setting.ts";
import type { Arguments, Command, CommandRun } from "./command.ts";
import { appsCommand, loginCommand, logoutCommand } from "./commands/account.ts";
import { completionCommand } from "./commands/completion.ts";
import { configCommand } from "./commands/config.ts";
import { diffCommand } from "./commands/diff.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { downCommand } from "./commands/down.ts";
import { infoCommand } from "./commands/info.ts";
import { initCommand } from "./commands/init.ts";
import { keyCommand } from "./commands/key.ts";
import { listCommand } from "./commands/list.ts";
import { logsCommand } from "./commands/logs.ts";
import { overviewCommand } from "./commands/overview.ts";
import { proxyCommand } from "./commands/proxy.ts";
import { runsCommand } from "./commands/runs.ts";
import { sandboxCommand } from "./commands/sandbox.ts";
import { serviceCommand } from "./commands/service.ts";
import { scpCommand, sftpCommand, sshCommand } from "./commands/ssh.ts";
import { startCommand } from "./commands/start.ts";
import { statusCommand } from "./commands/status.ts";
import { stopCommand } from "./commands/stop.ts";
import { uiCommand } from "./commands/ui.ts";
import { upCommand } from "./commands/up.ts";
import { CliConfiguration } from "./configuration.ts";
import { durationHints } from "./duration-hints.ts";
import { commonOptions, parseLogLevel, readSwitch, readText, SHORT_NAMES } from "./options.ts";
import { translatePipeWords } from "./pipe-words.ts";
import { createProgress } from "./progress.ts";
import { explainUsage } from "./usage-errors.ts";
import type { World } from "./world.ts";

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  initCommand,
  startCommand,
  stopCommand,
  runsCommand,
  listCommand,
  statusCommand,
  logsCommand,
  sshCommand,
  scpCommand,
  sftpCommand,
  proxyCommand,
  infoCommand,
  keyCommand,
  appsCommand,
  loginCommand,
  logoutCommand,
  uiCommand,
  upCommand,
  downCommand,
  diffCommand,
  serviceCommand,
  sandboxCommand,
  configCommand,
  completionCommand,
  doctorCommand,
];

/** Commands that ask a platform for a run. */
const REACHING: readonly Command[] = [startCommand, sshCommand, scpCommand, sftpCommand, proxyCommand, doctorCommand];

/** Words that may stand without a command. */
const ALONE: readonly string[] = ["--json", "--trace"];

/** Help is no wider than this even on a wide terminal: long lines are hard to read. */
const MAX_HELP_WIDTH = 110;

/** What a command line asks for: help, or a command with its words. */
export type CommandLine =
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "command"; readonly command: Command; readonly words: Arguments };

/** Parses the words and runs the command. Returns the exit code; throws what went wrong. */
export async function runProgram(world: World): Promise<number> {
  const line = await parseCommandLine(world);
  if (line.kind === "command") return runCommand(line.command, line.words, world);
  world.stdout.write(line.text);
  return 0;
}

/** Parses the words and runs nothing. Throws UsageError. */
export async function parseCommandLine(world: World): Promise<CommandLine> {
  const words = world.arguments[0] === "tunnel" ? world.arguments.slice(1) : world.arguments;
  const chosen: { command?: Command; words?: Arguments } = {};
  const program = assemble(world, (command, parsed) => {
    chosen.command = command;
    chosen.words = parsed;
  });
  const { beforeDashes, afterDashes } = splitDashes(words);
  if (beforeDashes.every((word) => ALONE.includes(word))) {
    return { kind: "command", command: overviewCommand, words: { json: beforeDashes.includes("--json") } };
  }
  const help = await parse(program, translatePipeWords(beforeDashes));
  if (help !== "") return { kind: "help", text: `${fixShortNames(help)}\n` };
  if (chosen.command === undefined || chosen.words === undefined) throw new UsageError("No command is given");
  return { kind: "command", command: chosen.command, words: { ...chosen.words, "--": afterDashes } };
}

function assemble(world: World, onCommand: (command: Command, words: Arguments) => void): Argv {
  const program = yargs()
    .scriptName("runtunnel")
    .locale("en")
    .parserConfiguration({
      "short-option-groups": false,
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "duplicate-arguments-array": true,
    })
    .usage(
      "TCP access to remote compute runs: SSH, SFTP, notebooks, databases, anything.\n\nUsage: $0 <command> [options]",
    )
    .help("help")
    .alias("help", "h")
    .version(world.version)
    .exitProcess(false)
    .strict()
    .wrap(Math.min(MAX_HELP_WIDTH, world.stdout.columns))
    .epilog(
      'Set it up: "runtunnel init". Try it without an account: "runtunnel sandbox -- bash". Help for one command: "runtunnel start --help".',
    );
  for (const command of COMMANDS) {
    program.command({
      command: command.usage,
      describe: command.hidden === true ? false : command.summary,
      builder: (inner: Argv) => describe(command, addOptions(command, inner, world.declarations)),
      handler: (parsed: Arguments) => onCommand(command, parsed),
    });
  }
  return program.demandCommand(1, "No command is given");
}

function describe(command: Command, inner: Argv): Argv {
  let described = inner.usage(
    `$0 ${command.usage} [options]\n\n${[command.summary, command.details].filter(Boolean).join(".\n")}`,
  );
  for (const [line, what] of command.examples) described = described.example(line, what);
  return described.epilog("");
}

/** All options of a command: its own, those of every command, and those that platforms declare. */
export function addOptions(command: Command, inner: Argv, declarations: readonly SettingDeclaration[]): Argv {
  let described = commonOptions(command.options(inner));
  for (const declaration of declarations) {
    if (declaration.flag === undefined || declaration.key.indexOf(".") < 0 || !takesPlatformFlags(command)) continue;
    described = described.option(declaration.flag, {
      type: declaration.kind === "boolean" ? "boolean" : "string",
      describe: declaration.description,
      group: "Platforms:",
    });
  }
  return described;
}

/** Flags of platforms make sense where a platform is asked for a run. */
function takesPlatformFlags(command: Command): boolean {
  return REACHING.includes(command) || command === configCommand;
}

/** Runs the parser; the help text, or "" when a command was chosen. */
async function parse(program: Argv, words: readonly string[]): Promise<string> {
  const known = knownOptions(program);
  program.fail((message: string, error: Error | undefined) => {
    throw error ?? explainUsage(message, words, { usages: COMMANDS.map(({ usage }) => usage), options: known() });
  });
  let text = "";
  await program.parseAsync([...words], {}, (error: Error | undefined | null, _parsed: unknown, output: string) => {
    if (error) throw error;
    text = output;
  });
  return text;
}

function knownOptions(program: Argv): () => readonly string[] {
  return () => {
    const inner = program as Argv & { getOptions?: () => { readonly key: Readonly<Record<string, unknown>> } };
    return Object.keys(inner.getOptions?.().key ?? {});
  };
}

/** yargs knows nothing of the words behind `--`: they belong to somebody else's program. */
function splitDashes(words: readonly string[]): { beforeDashes: readonly string[]; afterDashes: readonly string[] } {
  const at = words.indexOf("--");
  return at < 0
    ? { beforeDashes: words, afterDashes: [] }
    : { beforeDashes: words.slice(0, at), afterDashes: words.slice(at + 1) };
}

/** yargs prints short names of several letters behind the long ones and with two dashes; ours have one and come first. */
function fixShortNames(help: string): string {
  const names = Object.values(SHORT_NAMES).filter((name) => name.length > 1);
  const option = new RegExp(`^ {6}(--[\\w-]+), +--(${names.join("|")})(?= )`, "gm");
  return help.replaceAll(option, (whole, long: string, short: string) => ` -${short}, ${long}`.padEnd(whole.length));
}

async function runCommand(command: Command, words: Arguments, world: World): Promise<number> {
  const profile = command.writesProfile === true ? undefined : readText(words, "profile");
  const configuration = new CliConfiguration({
    declarations: world.declarations,
    clientVariables: world.clientVariables,
    flags: settingFlags(words, world),
    environment: world.environment,
    ...(profile === undefined ? {} : { profile }),
    configFile: world.configFile,
    readConfigFile: world.readConfigFile,
  });
  const settings = await loadSettings(command, configuration, world);
  const json = readSwitch(words, "json");
  const context = world.createContext({
    configuration,
    logLevel: parseLogLevel(settings.find("log-level"), "ERROR"),
    progress: createProgress(world.stderr),
  });
  const run: CommandRun = {
    world,
    arguments: words,
    settings,
    configuration,
    context,
    json,
    print: (data, text) => world.stdout.write(json ? `${JSON.stringify(data, undefined, 2)}\n` : text()),
  };
  for (const hint of durationHints(words, settings, REACHING.includes(command))) context.progress.note(`hint: ${hint}`);
  try {
    return (await command.run(run)) ?? 0;
  } finally {
    context.progress.done();
  }
}

async function loadSettings(command: Command, configuration: CliConfiguration, world: World): Promise<Settings> {
  try {
    return await configuration.load();
  } catch (error) {
    if (command.toleratesBadSettings !== true || !(error instanceof UsageError)) throw error;
    world.stderr.write(`warning: ${error.message}\n`);
    return { find: () => undefined };
  }
}

/** Values of flags that are settings. */
function settingFlags(words: Arguments, world: World): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const { flag, key, kind } of world.declarations) {
    if (flag === undefined) continue;
    if (kind === "boolean" && words[flag] !== undefined) flags[key] = String(readSwitch(words, flag));
    const text = kind === "boolean" ? undefined : readText(words, flag);
    if (text !== undefined) flags[key] = text;
  }
  return flags;
}
