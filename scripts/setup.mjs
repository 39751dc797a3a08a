// Runs one of the scripts beside it, after installing what is missing: `node scripts/setup.mjs test`. Works with Node or
// with Bun alone, on a fresh checkout; it is plain JavaScript since nothing else runs before the installation.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bun = join(root, "node_modules", "bun", "bin", "bun.exe");
const stamp = join(root, "node_modules", ".runtunnel-installed");
const [script, ...words] = process.argv.slice(2);

install();
process.exit(run(bun, [join(root, "scripts", `${script}.ts`), ...words]));

/** Installs the packages of the lock file, unless that has been done. */
function install() {
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted && works(bun)) return;
  console.error("Installing packages from the lock file ...");
  const status =
    process.versions.bun === undefined ? installWithNpm() : run(process.execPath, ["install", "--frozen-lockfile"]);
  if (status !== 0) process.exit(status);
  // npm may be set not to run install scripts; Bun's puts its executable in place.
  if (!works(bun)) run(process.execPath, [join(root, "node_modules", "bun", "install.js")]);
  if (!works(bun)) {
    console.error("error: Bun does not run on this machine: see node_modules/bun");
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

function installWithNpm() {
  // "npm ci" wants the optional packages of every system in the lock file, also those that the registry did not serve when
  // it was written; "npm install" keeps to the lock file as well and does without them. npm is a script on Windows, which
  // needs a shell.
  const words = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  return run("npm", words, process.platform === "win32");
}

function works(program) {
  return existsSync(program) && spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

function run(program, args, shell = false) {
  const { error, status } = spawnSync(program, args, { cwd: root, stdio: "inherit", shell });
  if (error !== undefined) console.error(`error: Cannot run ${program}: ${error.message}`);
  return status ?? 1;
}
