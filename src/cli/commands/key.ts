// `runtunnel key RUN -o FILE`, `key convert IN OUT`, `key upload FILE`.
import { UsageError } from "../../domain/errors.ts";
import type { KeyOutput } from "../../tunnel/run-key.ts";
import type { Arguments, Command, CommandRun } from "../command.ts";
import { platformOption, readText, readTexts, resolveUserPath, SHORT_NAMES } from "../options.ts";
import { readPassphrase } from "../passphrase.ts";

export const keyCommand: Command = {
  usage: "key <what> [files..]",
  summary: "Save the private key of a run, convert keys, upload an account key",
  details:
    "Passphrases are asked for on the terminal, or taken from RUNTUNNEL_PASSPHRASE (of the key that is read) and RUNTUNNEL_NEW_PASSPHRASE (of the one that is written).",
  examples: [
    ["$0 key my-session -o id_container", "the key of a Backend.AI session, mode 0600"],
    ["$0 key my-session -o id_container.ppk --format ppk", "the same for PuTTY, WinSCP and FileZilla"],
    ["$0 key convert id_rsa id_rsa.ppk --format ppk --ppk-version 2", "any key, without PuTTYgen"],
    ["$0 key upload ~/.ssh/id_ed25519", "new Backend.AI sessions let this key in"],
  ],
  options: (yargs) =>
    platformOption(yargs)
      .positional("what", { type: "string", describe: "A run, or the word convert or upload" })
      .positional("files", { type: "string", array: true, describe: "Files for convert (in, out) and upload" })
      .option("output", { alias: "o", type: "string", describe: "File to write" })
      .option("format", {
        type: "string",
        choices: ["openssh", "pem", "ppk"],
        describe: "Format [default: by the file's ending, else openssh]",
      })
      .option("ppk-version", { type: "string", choices: ["2", "3"], describe: "Version of a PPK [default: 3]" })
      .option("comment", { type: "string", describe: "Comment in the key" })
      .option("new-passphrase", { type: "boolean", describe: "Protect the written key with a passphrase" })
      .option("user", { alias: SHORT_NAMES.user, type: "string", describe: "Act as another user (administrators)" }),
  run,
};

async function run({ world, arguments: words, context, print }: CommandRun): Promise<undefined> {
  const { convertKey, saveRunKey, uploadAccountKey } = await import("../../tunnel/run-key.ts");
  const what = readText(words, "what");
  const files = readTexts(words, "files").map((file) => resolveUserPath(file, world.workingFolder, world.homeFolder));
  const platform = readText(words, "platform");
  if (what === "convert") {
    const [from, to] = files;
    if (from === undefined || to === undefined || files.length > 2) {
      throw new UsageError("convert needs two files", { hint: "runtunnel key convert IN OUT --format ppk" });
    }
    const passphrase = await readPassphrase("RUNTUNNEL_PASSPHRASE", from, world);
    await convertKey(from, passphrase, await keyOutput(to, words, world));
    print({ written: to }, () => `Wrote ${to}\n`);
    return undefined;
  }
  if (what === "upload") {
    const [file] = files;
    if (file === undefined) throw new UsageError("upload needs a private key file");
    const passphrase = await readPassphrase("RUNTUNNEL_PASSPHRASE", file, world);
    await uploadAccountKey(file, passphrase, platform ?? "backend-ai", context);
    print({ uploaded: file }, () => "New sessions let this key in\n");
    return undefined;
  }
  const output = readText(words, "output");
  if (what === undefined || output === undefined) {
    throw new UsageError("A run and -o FILE are needed", { hint: `runtunnel key ${what ?? "RUN"} -o id_container` });
  }
  const path = resolveUserPath(output, world.workingFolder, world.homeFolder);
  const source = await saveRunKey(what, platform, await keyOutput(path, words, world), context);
  print({ written: path, source }, () => `Wrote ${path}, the key of ${source}\n`);
  return undefined;
}

async function keyOutput(path: string, words: Arguments, world: CommandRun["world"]): Promise<KeyOutput> {
  const named = readText(words, "format");
  const format = named === "openssh" || named === "pem" || named === "ppk" ? named : formatByEnding(path);
  const comment = readText(words, "comment");
  const version = readText(words, "ppk-version");
  const passphrase =
    words["new-passphrase"] === true ? await readPassphrase("RUNTUNNEL_NEW_PASSPHRASE", path, world, true) : undefined;
  return {
    path,
    format,
    ...(version === undefined ? {} : { ppkVersion: version === "2" ? 2 : 3 }),
    ...(comment === undefined ? {} : { comment }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function formatByEnding(path: string): "openssh" | "pem" | "ppk" {
  if (path.toLowerCase().endsWith(".ppk")) return "ppk";
  return path.toLowerCase().endsWith(".pem") ? "pem" : "openssh";
}
