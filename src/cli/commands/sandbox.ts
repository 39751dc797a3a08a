// `runtunnel sandbox [-- COMMAND ...]` and `runtunnel sandbox pause 1001`.
import type { Command, CommandRun } from "../command.ts";
import { readTexts } from "../options.ts";

export const sandboxCommand: Command = {
  usage: "sandbox [words..]",
  summary: "Try everything without an account: an embedded platform on this machine",
  details:
    "With a command behind --, runs it with the environment set and ends with its exit code; without, prints the exports and stays. Runs: 1001 ready, 1002 sensitive, 1003 not initialised, 1004 paused, 1005 needs its owner's login, 1006 a worker. With words, changes the running sandbox.",
  examples: [
    ["$0 sandbox -- bash", "a shell in which the sandbox is the platform"],
    ["$0 sandbox -- $0 start 1001 -rp 22 -lp 0", "one command in it"],
    ["$0 sandbox pause 1001", "inside: pause a run; also stop, resume, restart, status"],
  ],
  options: (yargs) =>
    yargs.positional("words", { type: "string", array: true, describe: "Command to a running sandbox" }),
  run,
};

async function run({ world, arguments: words, context, json, print }: CommandRun): Promise<number> {
  const { runSandbox, steerSandbox } = await import("../../tunnel/sandbox.ts");
  const steering = readTexts(words, "words");
  if (steering.length > 0) {
    const answer = await steerSandbox(steering, world.environment);
    print({ answer }, () => `${answer}\n`);
    return 0;
  }
  return runSandbox(readTexts(words, "--"), world.environment, context, (exports) => {
    print(exports, () => renderExports(exports, world.isWindows));
    if (!json) context.progress.note("The sandbox runs until Ctrl+C. Paste these lines into another terminal.");
  });
}

function renderExports(exports: Readonly<Record<string, string>>, isWindows: boolean): string {
  return Object.entries(exports)
    .map(([name, value]) => (isWindows ? `$env:${name} = '${value}'\n` : `export ${name}='${value}'\n`))
    .join("");
}
