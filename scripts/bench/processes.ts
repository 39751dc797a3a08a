// Programs that the benchmark starts, and what the system tells of any process: time used, memory, descriptors. Linux.
import { readdirSync, readFileSync } from "node:fs";

/** Ticks of a processor's time in a second, as /proc counts them on every Linux. */
const TICKS_PER_SECOND = 100;

/** How long a program may take until it listens. */
const LISTEN_MS = 15_000;

/** How long a program may take to end before it is killed. */
const END_MS = 3000;

/** A pause for measuring: what is measured needs the time. */
export function pause(ms: number): Promise<void> {
  return Bun.sleep(ms);
}

/** Programs that run until `close()`. */
export class Programs {
  readonly #children: Bun.Subprocess[] = [];

  /** Starts a program that listens on `port`, and waits until it does. Returns its process. */
  async serve(command: readonly string[], port: number, environment = process.env): Promise<number> {
    const child = Bun.spawn([...command], {
      // As with systemd: a proxy of the user's environment is not asked for the way to ourselves.
      env: withoutProxies(environment),
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      detached: true,
    });
    this.#children.push(child);
    const deadline = performance.now() + LISTEN_MS;
    while (!isListening(port)) {
      if (child.exitCode !== null) throw new Error(`${command[0]} ended with code ${child.exitCode}`);
      if (performance.now() > deadline) throw new Error(`${command[0]} does not listen`);
      await pause(20);
    }
    return child.pid;
  }

  /** Starts a program that runs until its standard input ends, and returns the first line that it prints. */
  async announce(command: readonly string[]): Promise<string> {
    const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit", detached: true });
    this.#children.push(child);
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      const end = text.indexOf("\n");
      if (end !== -1) return text.slice(0, end);
    }
    throw new Error(`${command[0]} ended early`);
  }

  /** Ends all, groups included: servers have helpers. */
  async close(): Promise<void> {
    const children = this.#children.splice(0).reverse();
    for (const child of children) signalGroup(child, "SIGTERM");
    await Promise.all(
      children.map(async (child) => {
        await Promise.race([child.exited, pause(END_MS)]);
        signalGroup(child, "SIGKILL");
        await child.exited;
      }),
    );
  }
}

/** The environment without HTTP_PROXY and its like. */
export function withoutProxies(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/_proxy$/i.test(name)));
}

/** Runs a program to its end and returns what it printed. Throws what it complained about. */
export async function output(command: readonly string[], environment = process.env): Promise<string> {
  const child = Bun.spawn([...command], { env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [text, complaint] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) === 0) return text;
  throw new Error(`${command.slice(0, 2).join(" ")} failed: ${complaint.trim() || text.trim()}`);
}

/** A port nobody has just now. Below the range that outgoing connections take theirs from there is no way to ask. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Whether somebody listens; read from the kernel, since a connection that says nothing disturbs some servers. */
function isListening(port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"].some((table) =>
    (readText(table) ?? "").split("\n").some((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return state === "0A" && local?.endsWith(wanted) === true;
    }),
  );
}

/** Processor time that a process and all its descendants have used, ended ones included, in seconds. */
export function cpuSeconds(pid: number): number {
  const table = readProcesses();
  const sum = (root: number): number => {
    const own = table.find((row) => row.pid === root)?.ticks ?? 0;
    return table.filter((row) => row.parent === root).reduce((total, row) => total + sum(row.pid), own);
  };
  return sum(pid) / TICKS_PER_SECOND;
}

/** Processor time of a process to the nanosecond, in seconds; for processes that do next to nothing. */
export function exactCpuSeconds(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const times = readdirSync(tasks).map((task) => Number((readText(`${tasks}/${task}/schedstat`) ?? "0").split(" ")[0]));
  return times.reduce((total, nanoseconds) => total + nanoseconds, 0) / 1e9;
}

/** A process's fair share of memory: what is shared with n processes counts for one n-th. */
export function pssBytes(pid: number): number {
  return 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? Number.NaN);
}

/** Number of descriptors that a process has open. */
export function countDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How many descriptors a process may have open. */
export function limitOfDescriptors(pid: number): number {
  const limit = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}

/** Others may take this share of the processors on a machine that counts as quiet. */
const QUIET_SHARE = 0.08;

/** Waits until others leave the machine alone, `maxMs` at most. Returns whether they did. */
export async function waitForQuiet(maxMs: number): Promise<boolean> {
  const deadline = performance.now() + maxMs;
  for (;;) {
    const before = readTimes();
    await pause(150);
    const after = readTimes();
    const busy = 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
    if (busy < QUIET_SHARE) return true;
    if (performance.now() > deadline) return false;
  }
}

function readTimes(): { readonly idle: number; readonly all: number } {
  const ticks = (readText("/proc/stat") ?? "").split("\n", 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  return { idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), all: ticks.reduce((sum, value) => sum + value, 0) };
}

type ProcessRow = { readonly pid: number; readonly parent: number; readonly ticks: number };

function readProcesses(): readonly ProcessRow[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const text = readText(`/proc/${pid}/stat`);
      if (text === undefined) return [];
      // Behind the name, which may hold anything: state, parent, ..., time of its own and of children that ended.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      return [{ pid: Number(pid), parent: Number(fields[1]), ticks }];
    });
}

/** A file of /proc; undefined when its process is gone. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function signalGroup(child: Bun.Subprocess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone with all of its group.
  }
}
