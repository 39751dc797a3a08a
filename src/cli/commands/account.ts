// `runtunnel login`, `logout`, `apps RUN`.
import { UsageError } from "../../domain/errors.ts";
import type { Command, CommandRun } from "../command.ts";
import { logInAs, loginPath } from "../log-in.ts";
import { platformOption, readText } from "../options.ts";

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
  const platform = readText(words, "platform") ?? DEFAULT_PLATFORM;
  const { user, kept } = await logInAs(platform, readText(words, "as"), { world, context });
  print({ user, kept }, () => `Logged in as ${user}\n`);
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
