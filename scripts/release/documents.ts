// The files that go with the executable: licences, README, completions; and where each has its place.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./compile.ts";
import type { ArchiveFile } from "./tar.ts";

/** A shell, the file that completes for it in an archive, and where a Debian system looks for it. */
const COMPLETIONS = [
  { shell: "bash", file: "runtunnel.bash", debian: "usr/share/bash-completion/completions/runtunnel" },
  { shell: "zsh", file: "_runtunnel", debian: "usr/share/zsh/vendor-completions/_runtunnel" },
  { shell: "fish", file: "runtunnel.fish", debian: "usr/share/fish/vendor_completions.d/runtunnel.fish" },
  { shell: "powershell", file: "runtunnel.ps1" },
] as const;

/** Completions are the program's own; without the command there are none. */
const SHELLS = existsSync(join(ROOT, "src", "cli", "commands", "completion.ts")) ? COMPLETIONS : [];

/** Project files that every archive carries. */
const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"] as const;

/** Everything beside the executable, as it lies in an archive. */
export function archiveDocuments(notices: string): readonly ArchiveFile[] {
  return [
    ...DOCUMENTS.map((name) => document(name, readFileSync(join(ROOT, name), "utf8"))),
    document("THIRD-PARTY-NOTICES.txt", notices),
    ...SHELLS.map(({ file, shell }) => document(`completions/${file}`, completion(shell))),
  ];
}

/** The same, in the places of a Debian system. */
export function debianDocuments(notices: string): readonly ArchiveFile[] {
  const license = readFileSync(join(ROOT, "LICENSE"), "utf8");
  const folder = "usr/share/doc/runtunnel";
  return [
    ...SHELLS.flatMap((entry) => ("debian" in entry ? document(entry.debian, completion(entry.shell)) : [])),
    ...manualPages(),
    document(`${folder}/README.md`, readFileSync(join(ROOT, "README.md"), "utf8")),
    document(`${folder}/CHANGELOG.md`, readFileSync(join(ROOT, "CHANGELOG.md"), "utf8")),
    document(`${folder}/copyright`, `${license}\n${notices}`),
  ];
}

function manualPages(): readonly ArchiveFile[] {
  const page = join(ROOT, "docs", "runtunnel.1");
  return existsSync(page) ? [document("usr/share/man/man1/runtunnel.1", readFileSync(page, "utf8"))] : [];
}

const completions = new Map<string, string>();

function completion(shell: string): string {
  const known = completions.get(shell);
  if (known !== undefined) return known;
  const words = [join(ROOT, "src", "main.ts"), "completion", shell];
  const { status, stderr, stdout } = spawnSync(process.execPath, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot make the completions for ${shell}: ${stderr}`);
  completions.set(shell, stdout);
  return stdout;
}

function document(path: string, text: string): ArchiveFile {
  return { path, content: Buffer.from(text), isExecutable: false };
}
