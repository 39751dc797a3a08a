// The files that go with the executable: licences, documents, manual page, completions; and where each has its place.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
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

/** Project files that every archive carries. */
const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"] as const;

/** The manual page: in the project, and on a system. */
const PAGE = "docs/runtunnel.1";

/** Everything beside the executable, as it lies in an archive. */
export function archiveDocuments(notices: string): readonly ArchiveFile[] {
  return [
    ...DOCUMENTS.map((name) => document(name, readProject(name))),
    ...guides().map((name) => document(name, readProject(name))),
    document("THIRD-PARTY-NOTICES.txt", notices),
    document("man/runtunnel.1", readProject(PAGE)),
    ...COMPLETIONS.map(({ file, shell }) => document(`completions/${file}`, completion(shell))),
  ];
}

/** The same, in the places of a Debian system. */
export function debianDocuments(notices: string): readonly ArchiveFile[] {
  const folder = "usr/share/doc/runtunnel";
  return [
    ...COMPLETIONS.flatMap((entry) => ("debian" in entry ? document(entry.debian, completion(entry.shell)) : [])),
    document("usr/share/man/man1/runtunnel.1", readProject(PAGE)),
    ...["README.md", "CHANGELOG.md", ...guides()].map((name) => document(`${folder}/${name}`, readProject(name))),
    document(`${folder}/copyright`, `${readProject("LICENSE")}\n${notices}`),
  ];
}

/** What README.md links to, at the same paths. */
function guides(): readonly string[] {
  return readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`);
}

function readProject(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
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
