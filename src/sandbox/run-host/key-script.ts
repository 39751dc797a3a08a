// What the script that sets passwordless SSH up does to a run, for machines that have no shell to run it: Windows. It is
// told by its variables (`tag`, `mode`, `line`) and its loop over accounts; other scripts are not understood.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerChannel } from "ssh2";
import type { RunFolder } from "./run-folder.ts";

/** Longest script accepted; the real one has some thousand bytes. */
const MAX_SCRIPT_BYTES = 1024 * 1024;

type KeyScript = {
  readonly tag: string;
  readonly mode: "add" | "remove";
  readonly line: string;
  readonly accounts: readonly string[];
};

/** Reads a script from a session's input, carries it out and ends the session. */
export function serveKeyScript(channel: ServerChannel, folder: RunFolder): void {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  channel.on("data", (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= MAX_SCRIPT_BYTES) chunks.push(chunk);
  });
  channel.once("end", () => {
    void runKeyScript(Buffer.concat(chunks).toString("utf8"), folder)
      .catch(() => undefined)
      .then((output) => {
        if (channel.destroyed) return;
        if (output === undefined) channel.stderr.write("This run has no shell: the machine of the sandbox has none\n");
        else channel.write(output);
        channel.exit(output === undefined ? 127 : 0);
        channel.end();
      });
  });
}

/** Carries the script out in the run's folder and returns what it prints; undefined when it is another script. */
export async function runKeyScript(text: string, folder: RunFolder): Promise<string | undefined> {
  const script = parseKeyScript(text);
  if (script === undefined) return undefined;
  const lines: string[] = [];
  for (const account of script.accounts) {
    const known = folder.hasAccount(account);
    if (known) await editKeys(join(folder.homeOf(account), ".ssh"), script);
    lines.push(`account ${account} ${known ? "ok" : "bad no-account there is no such account"}`);
  }
  if (script.mode === "add") lines.push(...(await hostKeys(folder)).map((key) => `key ${key}`));
  lines.push("end");
  return lines.map((line) => `${script.tag} ${line}\n`).join("");
}

function parseKeyScript(text: string): KeyScript | undefined {
  const value = (name: string): string | undefined => {
    const quoted = new RegExp(`^${name}='((?:[^'\\n]|'\\\\'')*)'$`, "m").exec(text)?.[1];
    return quoted?.replaceAll("'\\''", "'");
  };
  const [tag, mode, line] = [value("tag"), value("mode"), value("line")];
  const accounts = /^for account in ((?:'[\w.@-]+' ?)*); do$/m.exec(text)?.[1];
  if (tag === undefined || line === undefined || accounts === undefined) return undefined;
  if (mode !== "add" && mode !== "remove") return undefined;
  return { tag, mode, line, accounts: [...accounts.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? "") };
}

async function editKeys(folder: string, { line, mode }: KeyScript): Promise<void> {
  const file = join(folder, "authorized_keys");
  await mkdir(folder, { recursive: true });
  const before = await readFile(file, "utf8").catch(() => "");
  const others = before.split("\n").filter((other) => other !== line && other !== "");
  const after = mode === "add" ? [...others, line] : others;
  await writeFile(file, after.map((key) => `${key}\n`).join(""));
}

async function hostKeys(folder: RunFolder): Promise<readonly string[]> {
  const place = join(folder.root, "etc", "ssh");
  const names = (await readdir(place)).filter((name) => name.endsWith(".pub"));
  const texts = await Promise.all(names.sort().map((name) => readFile(join(place, name), "utf8")));
  return texts.map((text) => text.trim());
}
