// `runtunnel ssh RUN [-- ARGS]`, `scp`, `sftp`.
import { UsageError } from "../../domain/errors.ts";
import type { SshProgram } from "../../tunnel/ssh/ssh-session.ts";
import type { Command, CommandRun } from "../command.ts";
import { platformOption, readText, readTexts, SHORT_NAMES } from "../options.ts";
import { reachOptions, reachSpec } from "../reach-options.ts";
import { readScpWords } from "../scp-words.ts";

export const sshCommand = sshLike("ssh", "Open an SSH session on a run, or run one command there", [
  ["$0 ssh 56819", "an interactive session"],
  ["$0 ssh 56819 -- nvidia-smi", "one command; its exit code is ours"],
  ["$0 ssh 56819 -- -L 8888:localhost:8888", "options of ssh go behind --"],
]);

export const scpCommand = sshLike("scp", "Copy files from and to a run", [
  ["$0 scp data.csv 56819:/common/workdir/", "upload"],
  ["$0 scp 56819 -- -r :/common/workdir/results .", "download a folder; options of scp go behind --"],
]);

export const sftpCommand = sshLike("sftp", "Browse and copy files of a run", [
  ["$0 sftp 56819", "an interactive session"],
  ["$0 sftp 56819 -- -b commands.txt", "options of sftp go behind --"],
]);

function sshLike(program: SshProgram, summary: string, examples: Command["examples"]): Command {
  return {
    usage: `${program} <run> [words..]`,
    summary,
    details: `Runs this machine's ${program} with a tunnel, a key and host keys of its own, all taken away afterwards.`,
    examples,
    options: (yargs) =>
      reachOptions(platformOption(yargs))
        .positional("run", { type: "string", describe: "Run id, session or host" })
        .positional("words", { type: "string", array: true, describe: `Words for ${program}; options go behind --` })
        .option("ssh-user", { alias: SHORT_NAMES["ssh-user"], type: "string", describe: "Account to log in as" })
        .option("identity", { alias: SHORT_NAMES.identity, type: "string", describe: "Use this private key" }),
    run: (run) => runIt(program, run),
  };
}

async function runIt(program: SshProgram, { world, arguments: words, settings, context }: CommandRun): Promise<number> {
  const { runSshSession } = await import("../../tunnel/ssh/ssh-session.ts");
  const name = readText(words, "run");
  if (name === undefined) throw new UsageError("No run is given");
  const platform = readText(words, "platform");
  const all = [...readTexts(words, "words"), ...readTexts(words, "--")];
  return runSshSession(
    {
      program,
      ...(program === "scp" ? readScpWords(name, all) : { run: name, words: all }),
      ...(platform === undefined ? {} : { platform }),
      users: readTexts(words, "ssh-user"),
      spec: reachSpec(words, settings, world.workingFolder, world.homeFolder),
    },
    context,
  );
}
