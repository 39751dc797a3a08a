// Shows the main job to a person: a tunnel to a run of the embedded sandbox, SSH through it, bytes each way, and nothing
// left behind. Uses a scratch home and free ports; ends with 0 only when everything held.
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

const root = join(import.meta.dir, "..");
const isWindows = process.platform === "win32";
const executable = join(root, "dist", isWindows ? "runtunnel.exe" : "runtunnel");
const SIZE_BYTES = 64 * 1024 * 1024;

const home = await mkdtemp(join(tmpdir(), "runtunnel-demo-"));
const environment: Record<string, string | undefined> = {
  ...process.env,
  HOME: home,
  USERPROFILE: home,
  LOCALAPPDATA: join(home, "local"),
  APPDATA: join(home, "roaming"),
};
for (const name of Object.keys(environment)) {
  if (/^(RUNTUNNEL_|CP_CLI_|BACKEND_|XDG_|API$|API_TOKEN$)/.test(name)) delete environment[name];
}
const failures: string[] = [];
let sandbox: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;
try {
  await demonstrate();
} catch (error) {
  failures.push(error instanceof Error ? error.message : String(error));
} finally {
  if (environment["API"] !== undefined) run(["stop", "--force"]);
  sandbox?.kill();
  await sandbox?.exited;
  await rm(home, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED: ${failure}`);
console.log(failures.length === 0 ? "\nEverything held." : "\nThe demo failed.");
process.exit(failures.length === 0 ? 0 : 1);

async function demonstrate(): Promise<void> {
  buildWhenNeeded();
  console.log(`All of this happens on this machine, in a home folder of its own: ${home}`);

  title("A platform to try things on: API, proxy and runs with SSH servers, embedded in the executable");
  await startSandbox();

  const hasSsh = ["ssh", "scp"].every((program) => Bun.which(program) !== null);
  const wanted = hasSsh ? "port 22 of run 1001, with passwordless SSH" : "the echo port of run 1001";
  title(`A tunnel to ${wanted}, on any free local port`);
  const words = hasSsh
    ? ["start", "1001", "-lp", "0", "-rp", "22", "--ssh"]
    : ["start", "1001", "-lp", "0", "-rp", "7"];
  const startedMs = performance.now();
  const started = show(words);
  console.log(
    `   (the command took ${Math.round(performance.now() - startedMs)} ms, the remote port was really reached)`,
  );
  check("the tunnel starts", started.status === 0);
  const [tunnel] = listTunnels();
  if (tunnel === undefined) throw new Error("There is no tunnel in the list");
  check("the tunnel is healthy", tunnel.state === "healthy");

  if (hasSsh) await useSsh();
  else await useSocket(tunnel.port);

  title("What is running");
  show(["list"]);
  show(["status", "1001"]);

  title("Stop, and look for anything that is left");
  const port = tunnel.port;
  check("the tunnel stops", show(["stop", "1001"]).status === 0);
  check("no tunnel is listed", listTunnels().length === 0);
  check(`process ${tunnel.pid} is gone`, !isAlive(tunnel.pid));
  check(`local port ${port} takes no connection`, !(await canConnect(port)));
  const left = await leftFiles();
  check(`no file is left${left.length === 0 ? "" : `, but: ${left.join(", ")}`}`, left.length === 0);
}

/** Builds the executable when there is none, or when a source is newer. */
function buildWhenNeeded(): void {
  const builtMs = existsSync(executable) ? statSync(executable).mtimeMs : 0;
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  if ([...sources, join(root, "package.json")].every((path) => statSync(path).mtimeMs < builtMs)) return;
  const { status } = spawnSync(process.execPath, [join(root, "scripts", "build.ts")], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("The executable cannot be built");
}

/** Starts the sandbox and takes over the variables that it prints. */
async function startSandbox(): Promise<void> {
  console.log("$ runtunnel sandbox");
  const command = [executable, "sandbox", "--json"];
  const child = Bun.spawn(command, { env: environment, stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  sandbox = child;
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (!text.trimEnd().endsWith("}")) continue;
    for (const [name, value] of Object.entries(JSON.parse(text))) {
      environment[name] = String(value);
      console.log(`   export ${name}='${/TOKEN|SECRET/.test(name) ? `${String(value).slice(0, 12)}...` : value}'`);
    }
    return;
  }
  throw new Error("The sandbox does not start");
}

/** A command and a file each way with the machine's own OpenSSH. */
async function useSsh(): Promise<void> {
  title("OpenSSH through the tunnel: no password, no question, the host key is checked");
  // OpenSSH looks for its files in the real home folder; -F names those of the demo. Users need no option.
  const config = ["-F", join(home, ".ssh", "config"), "-o", "BatchMode=yes"];
  const hello = client("ssh", config, ["pipeline-1001", "echo Hello from $HOSTNAME"]);
  check("ssh runs a command on the run", hello.status === 0 && hello.stdout.trim() === "Hello from pipeline-1001");

  title(`${SIZE_BYTES / 1024 / 1024} MiB each way`);
  const sent = join(home, "sent.bin");
  const back = join(home, "back.bin");
  await writeFile(sent, randomBytes(SIZE_BYTES));
  const wanted = sha256(await readFile(sent));
  for (const [from, to] of [
    [sent, "pipeline-1001:/common/workdir/sent.bin"],
    ["pipeline-1001:/common/workdir/sent.bin", back],
  ] as const) {
    const startedMs = performance.now();
    check(
      `scp copies ${from === sent ? "to" : "from"} the run`,
      client("scp", ["-q", ...config], [from, to]).status === 0,
    );
    console.log(`   (${rate(performance.now() - startedMs)})`);
  }
  console.log(`   sha256 sent      ${wanted}`);
  const returned = existsSync(back) ? sha256(await readFile(back)) : "nothing came back";
  console.log(`   sha256 came back ${returned}`);
  check("what came back is what was sent", returned === wanted);
  await rm(sent, { force: true });
  await rm(back, { force: true });
}

/** The same without an SSH client on this machine: the run's echo port. */
async function useSocket(port: number): Promise<void> {
  title(`No ssh and scp on this machine: ${SIZE_BYTES / 1024 / 1024} MiB through the run's echo port instead`);
  const bytes = randomBytes(SIZE_BYTES);
  const received = createHash("sha256");
  const socket = connect({ host: "127.0.0.1", port });
  let count = 0;
  const startedMs = performance.now();
  const all = new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      received.update(chunk);
      count += chunk.length;
      if (count === bytes.length) resolve();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The connection was closed early")));
  });
  socket.write(bytes);
  await all;
  socket.destroy();
  console.log(`   (${rate(performance.now() - startedMs)})`);
  const returned = received.digest("hex");
  console.log(`   sha256 sent      ${sha256(bytes)}\n   sha256 came back ${returned}`);
  check("what came back is what was sent", returned === sha256(bytes));
}

function title(text: string): void {
  console.log(`\n== ${text}`);
}

function check(what: string, isTrue: boolean): void {
  console.log(`   ${isTrue ? "ok" : "NOT OK"}: ${what}`);
  if (!isTrue) failures.push(what);
}

type Result = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a command of runtunnel and prints it as a user would type it, with what it says. */
function show(words: readonly string[]): Result {
  console.log(`$ runtunnel ${words.join(" ")}`);
  const result = run(words);
  console.log(indent(result.stdout + result.stderr));
  return result;
}

function run(words: readonly string[]): Result {
  return spawnSync(executable, [...words], { env: environment, encoding: "utf8" });
}

/** Runs an SSH client; `options` are the demo's own and are not shown. */
function client(program: string, options: readonly string[], words: readonly string[]): Result {
  console.log(`$ ${program} ${words.map((word) => (word.includes(" ") ? `'${word}'` : word)).join(" ")}`);
  const result = spawnSync(program, [...options, ...words], { env: environment, encoding: "utf8" });
  const said = indent(result.stdout + result.stderr);
  if (said !== "") console.log(said);
  return result;
}

function listTunnels(): readonly { readonly state: string; readonly pid: number; readonly port: number }[] {
  const { tunnels } = JSON.parse(run(["list", "--json"]).stdout);
  return tunnels.map(({ state, pid, ports }: { state: string; pid: number; ports: readonly { local: number }[] }) => ({
    state,
    pid,
    port: ports[0]?.local ?? 0,
  }));
}

/** Files in the home folder, logs aside. */
async function leftFiles(): Promise<readonly string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(home, join(entry.parentPath, entry.name)))
    .filter((path) => !/[\\/]logs[\\/]/.test(path));
}

/** A process that has ended but that nobody has asked about yet (a zombie) counts as gone. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const status = `/proc/${pid}/stat`;
    return !existsSync(status) || !/\) Z /.test(readFileSync(status, "utf8"));
  } catch {
    return false;
  }
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  const isOpen = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function rate(tookMs: number): string {
  return `${Math.round(tookMs)} ms, ${Math.round(SIZE_BYTES / 1024 / 1024 / (tookMs / 1000))} MiB/s`;
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => `   ${line}`)
    .join("\n");
}
