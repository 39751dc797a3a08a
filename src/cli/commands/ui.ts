// `runtunnel ui`.
import { MAX_PORT } from "../../domain/endpoint.ts";
import type { StartForm } from "../../ui/api.ts";
import type { Arguments, Command, CommandRun } from "../command.ts";
import { parseWholeNumber, readSwitch, readText } from "../options.ts";
import { startOptions } from "../start-options.ts";

export const uiCommand: Command = {
  usage: "ui",
  summary: "Open a page in the browser: tunnels live, start and stop, how to connect",
  details:
    "The page is served on a loopback port for you alone, until Ctrl+C; tunnels go on without it. Its link works once: whoever has opened it is let in, and nobody after.",
  examples: [
    ["$0 ui", "open the page in the browser"],
    ["$0 ui --no-open", "print the link only, as where there is no browser"],
    ["$0 ui --port 8123 --no-open", 'on a port of your choice, for "ssh -L 8123:127.0.0.1:8123" from elsewhere'],
  ],
  options: (yargs) =>
    yargs
      .option("port", { type: "string", describe: "Local port of the page [default: any free one]" })
      .option("no-open", { type: "boolean", describe: "Do not open the browser" }),
  run,
};

async function run({ world, arguments: words, configuration, context, json, print }: CommandRun): Promise<number> {
  const { runUi } = await import("../../tunnel/ui/ui.ts");
  const port = parseWholeNumber(readText(words, "port") ?? "0", "--port", 0, MAX_PORT);
  const options = {
    port,
    openBrowser: !readSwitch(words, "no-open"),
    environment: world.environment,
    version: world.version,
    configFile: world.configFile,
    toStartOptions: async (form: StartForm) => {
      const settings = await configuration.load();
      const hasPreferred = settings.find("preferred-port") !== undefined;
      return startOptions(formWords(form, hasPreferred), settings, world.homeFolder, world.homeFolder);
    },
  };
  await runUi(options, context, ({ opened, port: bound, url }) => {
    print({ url, port: bound, opened }, () => `${url}\n`);
    if (json) return;
    const what = opened ? "The page opens in your browser. If it does not, open this link" : "Open this link";
    context.progress.note(`${what}; it works once. Ctrl+C ends the page, tunnels go on.`);
    if (opened || world.environment["SSH_CONNECTION"] === undefined) return;
    context.progress.note(`hint: From the machine you sit at: ssh -L ${bound}:127.0.0.1:${bound} ...`);
  });
  return 0;
}

/** The dialog's fields as the words of `start`. Pure. An empty local port means any free one, or the preferred one. */
export function formWords(form: StartForm, hasPreferredPort: boolean): Arguments {
  const localPort = form.localPort.trim() === "" && !hasPreferredPort ? "0" : form.localPort;
  const texts: Readonly<Record<string, string>> = {
    run: form.run,
    platform: form.platform,
    "local-port": localPort,
    "remote-port": form.remotePort,
    app: form.app,
    ...(form.ssh ? { "ssh-user": form.sshUser, "ssh-host": form.alias, identity: form.identity } : {}),
  };
  const words: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(texts)) if (text.trim() !== "") words[name] = text.trim();
  if (form.ssh) words["ssh"] = true;
  if (form.direct) words["direct"] = true;
  if (form.existing !== "refuse") words["keep-same"] = true;
  if (form.existing === "replace") words["replace-different"] = true;
  return words;
}
