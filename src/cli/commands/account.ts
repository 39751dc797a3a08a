// `runtunnel login`, `logout`, `apps RUN`.
import { dirname } from "node:path";
import { AuthError, UsageError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Command, CommandRun } from "../command.ts";
import { storedPath } from "../configuration.ts";
import { platformOption, readText } from "../options.ts";
import type { World } from "../world.ts";

const DEFAULT_PLATFORM = "backend-ai";

export const loginCommand: Command = {
  usage: "login",
  summary: "Log in at the web page of Backend.AI and keep the login",
  details:
    "For endpoints of type session. User and password are asked for on the terminal, or taken from BACKEND_USER and BACKEND_PASSWORD; the code of a second factor from RUNTUNNEL_OTP.",
  examples: [
    ["$0 login", "asks for user and password"],
    ["BACKEND_ENDPOINT=https://ai.example BACKEND_ENDPOINT_TYPE=session $0 login", "at a certain address"],
  ],
  options: (yargs) => platformOption(yargs).option("as", { type: "string", describe: "User (e-mail) to log in as" }),
  run: runLogin,
};

export const logoutCommand: Command = {
  usage: "logout",
  summary: "End the kept login",
  examples: [
    ["$0 logout", "here and at the server"],
    ["$0 logout --json", "the same for programs"],
  ],
  options: platformOption,
  run: runLogout,
};

export const appsCommand: Command = {
  usage: "apps <run>",
  summary: "List the services that a Backend.AI session offers by name",
  examples: [
    ["$0 apps my-session", "names, protocols and ports"],
    ["$0 start my-session --app jupyter -lp 8888", "a tunnel to one of them"],
  ],
  options: (yargs) => platformOption(yargs).positional("run", { type: "string", describe: "Session name or id" }),
  run: runApps,
};

async function runLogin({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { logIn } = await import("../../tunnel/account.ts");
  const platform = readText(words, "platform") ?? DEFAULT_PLATFORM;
  const path = await loginPath(platform, { world, context });
  const { environment } = world;
  const user =
    readText(words, "as") ?? environment["BACKEND_USER"] ?? (await ask("User: ", "BACKEND_USER", world, false));
  const given = environment["BACKEND_PASSWORD"];
  const password = new Secret(given ?? (await ask("Password: ", "BACKEND_PASSWORD", world, true)));
  const file = { folder: dirname(path), path };
  try {
    const otp = environment["RUNTUNNEL_OTP"];
    await logIn(platform, { user, password, ...(otp === undefined ? {} : { otp }) }, file, context);
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "otp-required") throw error;
    const otp = await ask("One-time code: ", "RUNTUNNEL_OTP", world, false);
    await logIn(platform, { user, password, otp }, file, context);
  }
  print({ user, kept: path }, () => `Logged in as ${user}\n`);
  return undefined;
}

async function runLogout({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { logOut } = await import("../../tunnel/account.ts");
  const platform = readText(words, "platform") ?? DEFAULT_PLATFORM;
  const ended = await logOut(platform, await loginPath(platform, { world, context }), context);
  print({ ended }, () => (ended ? "Logged out\n" : "There was no login\n"));
  return undefined;
}

async function runApps({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { listApps } = await import("../../tunnel/account.ts");
  const { renderTable } = await import("../output.ts");
  const name = readText(words, "run");
  if (name === undefined) throw new UsageError("No run is given");
  const apps = await listApps(name, readText(words, "platform"), context);
  print({ apps }, () =>
    apps.length === 0
      ? "The session offers no apps\n"
      : renderTable(
          apps,
          [
            { title: "APP", value: (app) => app.name },
            { title: "PROTOCOL", value: (app) => app.protocol },
            { title: "PORTS", value: (app) => app.ports.join(", ") },
          ],
          world.stdout.columns,
        ),
  );
  return undefined;
}

async function loginPath(platform: string, { world, context }: Pick<CommandRun, "world" | "context">): Promise<string> {
  const { loginSettingKey } = await import("../../tunnel/account.ts");
  const key = loginSettingKey(platform, context);
  const storedIn = world.declarations.find((declaration) => declaration.key === key)?.storedIn;
  return storedPath(world.configFile, storedIn ?? `${platform}-login.json`);
}

async function ask(prompt: string, variable: string, world: World, isSecret: boolean): Promise<string> {
  if (!world.stderr.isTty || world.askSecret === undefined || world.ask === undefined) {
    throw new UsageError(`Cannot ask for "${prompt.replace(/: $/, "")}" without a terminal`, {
      hint: `Set ${variable}`,
    });
  }
  return isSecret ? world.askSecret(prompt) : world.ask(prompt);
}
