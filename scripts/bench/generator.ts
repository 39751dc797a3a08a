// Drives the load generator (loadgen.c): compiles it, runs its target, and takes one figure at a time.
import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { output } from "./processes.ts";

/** How the generator gets to its target: plainly, or speaking a proxy's language itself. */
export type Entry = {
  readonly port: number;
  /** What to send first, made anew for each figure since signatures grow old; with the status that must answer. */
  readonly request?: () => string;
  readonly status?: "200" | "101";
  /** Whether WebSocket frames follow. */
  readonly isFramed?: boolean;
};

/** What one stream moved. */
export type Flow = { readonly bytesPerSecond: number; readonly bytes: number };
/** Round trips in microseconds. */
export type RoundTrips = { readonly p50: number; readonly p99: number; readonly max: number };
/** Connections opened, used and closed one after the other. */
export type Connects = { readonly perSecond: number; readonly done: number; readonly failed: number };

const flow = v.object({ bytesPerSecond: v.number(), bytes: v.number() });
const roundTrips = v.object({ p50: v.number(), p99: v.number(), max: v.number() });
const connects = v.object({ perSecond: v.number(), done: v.number(), failed: v.number() });
const opened = v.object({ open: v.number() });
const alive = v.object({ alive: v.number() });

/** A compiled generator with its target. Whoever starts it closes it. */
export class Generator {
  readonly #program: string;
  readonly #folder: string;
  readonly #target: Bun.Subprocess<"pipe", "pipe", "inherit">;
  /** Ports of the target: one for each row, so that rows do not use up each other's local ports. */
  readonly targets: readonly number[];

  private constructor(
    program: string,
    folder: string,
    target: Bun.Subprocess<"pipe", "pipe", "inherit">,
    targets: readonly number[],
  ) {
    this.#program = program;
    this.#folder = folder;
    this.#target = target;
    this.targets = targets;
  }

  /** `folder` takes requests; `count` is the number of target ports. */
  static async start(program: string, folder: string, count: number): Promise<Generator> {
    await compile(program);
    const target = Bun.spawn([program, "serve", String(count)], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const lines = new Lines(target.stdout);
    const ports: number[] = [];
    while (ports.length < count) ports.push(Number(await lines.next()));
    return new Generator(program, folder, target, ports);
  }

  async down(entry: Entry, seconds: number): Promise<Flow> {
    return v.parse(flow, await this.#measure("down", entry, seconds));
  }

  async up(entry: Entry, seconds: number): Promise<Flow> {
    return v.parse(flow, await this.#measure("up", entry, seconds));
  }

  /** Ping-pong while the cores are kept awake, without the time that a sleeping core takes to come back. */
  async roundTrips(entry: Entry, seconds: number): Promise<RoundTrips> {
    return v.parse(roundTrips, await this.#measure("rtt", entry, seconds));
  }

  async connects(entry: Entry, seconds: number, clients: number): Promise<Connects> {
    return v.parse(connects, await this.#measure("connect", entry, seconds, ["-threads", String(clients)]));
  }

  /** Opens connections and holds them. */
  idle(port: number, count: number): Promise<HeldConnections> {
    return HeldConnections.open([this.#program, "idle", String(port), String(count)]);
  }

  /** Opens `count` connections whose client does not read, and as many whose target does not. */
  stalled(port: number, count: number): Promise<HeldConnections> {
    return HeldConnections.open([this.#program, "stall", String(port), String(count)]);
  }

  async close(): Promise<void> {
    this.#target.stdin.end();
    await this.#target.exited;
  }

  async #measure(mode: string, entry: Entry, amount: number, more: readonly string[] = []): Promise<unknown> {
    const words = [this.#program, mode, String(entry.port), String(amount), ...more];
    if (entry.request !== undefined) {
      const file = join(this.#folder, "request");
      await writeFile(file, entry.request(), { mode: 0o600 });
      words.push("-request", file, "-status", entry.status ?? "200");
    }
    if (entry.isFramed === true) words.push("-frames");
    return JSON.parse(await output(words));
  }
}

/** Connections that the generator holds until `close()`. */
export class HeldConnections {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: Lines;
  readonly count: number;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">, lines: Lines, count: number) {
    this.#child = child;
    this.#lines = lines;
    this.count = count;
  }

  static async open(command: readonly string[]): Promise<HeldConnections> {
    const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const lines = new Lines(child.stdout);
    const { open } = v.parse(opened, JSON.parse(await lines.next()));
    return new HeldConnections(child, lines, open);
  }

  /** Has every connection carry a byte each way and returns how many did. */
  async countAlive(): Promise<number> {
    this.#child.stdin.write("\n");
    await this.#child.stdin.flush();
    return v.parse(alive, JSON.parse(await this.#lines.next())).alive;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#child.exited;
  }
}

/** The lines that a program prints. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async next(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error("The load generator ended early");
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

/** Compiles the generator unless that has been done. */
async function compile(program: string): Promise<void> {
  const source = join(import.meta.dir, "loadgen.c");
  const builtMs = await stat(program).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (builtMs > (await stat(source)).mtimeMs) return;
  const compiler = ["cc", "gcc", "clang"].find((name) => Bun.which(name) !== null);
  if (compiler === undefined) throw new Error("The load generator is written in C: install a compiler (cc)");
  await mkdir(dirname(program), { recursive: true });
  await output([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program, source]);
}
