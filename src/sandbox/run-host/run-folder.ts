// The files of one run in the scratch folder: a small Linux tree with homes, host keys and the commands that a set-up
// script expects to find.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { isAbsolute, join, posix, relative, resolve, sep } from "node:path";

/** An account of a run. */
export type Account = { readonly name: string; readonly password: string };

/** Folders that a run has from the start. */
const FOLDERS = ["bin", "common/workdir", "etc/ssh", "home", "tmp"];

/** Characters that need no quoting in a shell; with others in the scratch folder's path nothing is rewritten. */
const PLAIN_PATH = /^[\w./@%+,-]+$/;

/** One run's tree. Its own paths (`/common/workdir`) and the machine's (`.../runs/1001/common/workdir`) lead to the same
 * files. */
export class RunFolder {
  /** The tree on this machine. */
  readonly root: string;
  readonly #accounts: readonly string[];

  constructor(root: string, accounts: readonly string[]) {
    this.root = resolve(root);
    this.#accounts = accounts;
  }

  /** Makes what is missing; files that are there stay. Safe to call twice. */
  async create(hostName: string): Promise<void> {
    for (const folder of FOLDERS) await mkdir(join(this.root, folder), { recursive: true });
    for (const name of this.#accounts) await mkdir(this.homeOf(name), { recursive: true, mode: 0o700 });
    const uid = process.getuid?.() ?? 0;
    const gid = process.getgid?.() ?? 0;
    const passwd = this.#accounts.map((name) => `${name}:x:${uid}:${gid}::${this.homeOf(name)}:/bin/sh\n`);
    await writeFile(join(this.root, "etc/passwd"), passwd.join(""));
    await writeFile(join(this.root, "etc/group"), this.#accounts.map((name) => `${name}:x:${gid}:\n`).join(""));
    await writeFile(join(this.root, "etc/hostname"), `${hostName}\n`);
    for (const [name, text] of Object.entries(makeShims(this.root, hostName))) {
      await writeFile(join(this.root, "bin", name), text);
      await chmod(join(this.root, "bin", name), 0o755);
    }
  }

  hasAccount(name: string): boolean {
    return this.#accounts.includes(name);
  }

  /** Home of an account on this machine. */
  homeOf(account: string): string {
    return join(this.root, account === "root" ? "root" : join("home", account));
  }

  /** The file on this machine that a path of the run means. A path that is already inside the tree on this machine, as
   * `pwd` prints it there, means itself. */
  toReal(path: string, workingFolder: string): string {
    const asItIs = isAbsolute(path) ? resolve(path) : "";
    if (asItIs === this.root || asItIs.startsWith(this.root + sep)) return asItIs;
    const absolute = posix.isAbsolute(path) ? path : posix.join(this.toRun(workingFolder), path);
    return join(this.root, posix.normalize(absolute));
  }

  /** The run's own path of a file on this machine. */
  toRun(path: string): string {
    const inside = relative(this.root, path).split(sep).join("/");
    return inside.startsWith("..") ? path : posix.join("/", inside);
  }

  /** Rewrites the run's own absolute paths in a command to where they are on this machine. */
  rewrite(command: string): string {
    if (!PLAIN_PATH.test(this.root)) return command;
    const homes = this.#accounts.filter((name) => name !== "root").map((name) => `home/${name}`);
    const own = ["etc/ssh", "etc/passwd", "etc/group", "common", "root", ...homes].join("|");
    return command.replace(new RegExp(`(?<![\\w./~$})-])/(${own})(?![\\w.-])`, "g"), `${this.root}/$1`);
  }
}

/** Stand-ins for the commands that need privileges or know the accounts of a machine. */
function makeShims(root: string, hostName: string): Readonly<Record<string, string>> {
  const quoted = `'${root.replaceAll("'", "'\\''")}'`;
  return {
    getent: `#!/bin/sh
root=${quoted}
case "$1" in passwd|group) file="$root/etc/$1" ;; *) exit 2 ;; esac
[ $# -gt 1 ] || exec cat "$file"
shift
status=0
for key in "$@"; do
  awk -F: -v key="$key" '$1 == key || $3 == key { print; found = 1; exit } END { exit !found }' "$file" || status=2
done
exit $status
`,
    // All accounts of a run are one account of this machine: giving files away must succeed and has nothing to do.
    chown: `#!/bin/sh
root=${quoted}
spec=
for word in "$@"; do
  case "$word" in
    -*) ;;
    *)
      if [ -z "$spec" ]; then spec=$word
      elif [ ! -e "$word" ]; then echo "chown: cannot access '$word': No such file or directory" >&2; exit 1
      fi ;;
  esac
done
name=\${spec%%:*}
if grep -q "^$name:" "$root/etc/passwd" || [ "$name" = "$(id -u)" ]; then exit 0; fi
echo "chown: invalid user: '$spec'" >&2
exit 1
`,
    hostname: `#!/bin/sh\necho ${hostName}\n`,
    whoami: '#!/bin/sh\necho "$LOGNAME"\n',
  };
}
