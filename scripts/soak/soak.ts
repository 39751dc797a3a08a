// The soak itself: acts at random, checks after every act what must always hold, and at the end what must be left.
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { Dice } from "./dice.ts";
import { FAULTS } from "./sandbox-faults.ts";
import { exchange, startEcho } from "./traffic.ts";
import { type CommandResult, kill, measure, SoakUser } from "./user.ts";

/** Options of a soak. */
export type SoakOptions = {
  readonly folder: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly say: (line: string) => void;
};

const USERS = 3;
const MAX_TUNNELS = 12;
/** A port of every run behind which an echo listens. */
const ECHO_PORT = 8888;
/** A tunnel may use so much memory, also after hours; three idle ones need less than 20 MB each. */
const MAX_PSS_KB = 120_000;
const MAX_DESCRIPTORS = 400;
/** After the last fault everything must be healthy again within this. */
const RECOVERY_MS = 120_000;
/** A run that moves, and one whose users are shared with its parent. */
const RUNS = ["1001", "1006"] as const;
const STATES = ["starting", "healthy", "degraded", "unhealthy", "ended", "stopping", "failed", "hanging", "dead"];
/** 0 done, 3 taken, 5 no such thing, 6 out of reach, 130 stopped meanwhile, 4 refused (EDGE without its API). */
const GOOD_CODES = [0, 3, 4, 5, 6, 130];

/** One soak. `run` throws at the first broken promise; `close` ends everything it started. */
export class Soak {
  readonly #options: SoakOptions;
  readonly #counts = new Map<string, number>();
  readonly #users: SoakUser[] = [];
  readonly #traffic = new Set<Promise<void>>();
  readonly #dice: Dice;
  #sandbox: Sandbox | undefined;
  #echo: { readonly port: number; close(): void } | undefined;
  #undoFault: readonly string[] | undefined;
  #maxPssKb = 0;
  #maxDescriptors = 0;
  #bytes = 0;
  #wrong: Error | undefined;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#dice = new Dice(options.seed);
  }

  async run(): Promise<void> {
    await this.#prepare();
    const startedAt = performance.now();
    let toldAt = startedAt;
    while (performance.now() - startedAt < this.#options.durationMs) {
      await this.#act();
      await this.#check();
      if (performance.now() - toldAt > 60_000) {
        toldAt = performance.now();
        this.#tell((toldAt - startedAt) / 60_000);
      }
    }
    await this.#recover();
    await this.#leave();
    this.#tell((performance.now() - startedAt) / 60_000);
  }

  async close(): Promise<void> {
    for (const user of this.#users) for (const pid of user.processes()) kill(pid, "SIGKILL");
    await Promise.all(this.#traffic);
    this.#echo?.close();
    await this.#sandbox?.close();
  }

  async #prepare(): Promise<void> {
    const runs = join(this.#options.folder, "runs");
    await mkdir(runs);
    this.#echo = await startEcho();
    this.#sandbox = await startSandbox({ log: SILENT_LOG, folder: runs });
    for (const run of RUNS) await this.#steer(["open", run, String(ECHO_PORT), String(this.#echo.port)]);
    const program = resolve(import.meta.dir, "../..", process.env["RUNTUNNEL_EXECUTABLE"] ?? "dist/runtunnel");
    for (let index = 0; index < USERS; index += 1) {
      const home = join(this.#options.folder, `home-${index}`);
      const user = new SoakUser({ home, program, environment: this.#sandbox.environment });
      await user.prepare();
      this.#users.push(user);
    }
  }

  async #act(): Promise<void> {
    const user = this.#dice.pick(this.#users);
    if (user === undefined) return;
    const roll = this.#dice.roll(100);
    if (roll < 22) await this.#start(user);
    else if (roll < 30) await this.#command(user, ["stop", this.#run(), "-t", "1s"]);
    else if (roll < 34) await this.#command(user, ["stop", this.#run(), "--force"]);
    else if (roll < 40) await this.#command(user, ["status", this.#run(), "--json"]);
    else if (roll < 45) await this.#strike(user, "SIGKILL");
    else if (roll < 48) await this.#freeze(user);
    else if (roll < 62) await this.#toggleFault();
    else if (roll < 66) await this.#move();
    else await this.#send(user);
  }

  async #start(user: SoakUser): Promise<void> {
    const tunnels = await user.list();
    if (tunnels.length >= MAX_TUNNELS / USERS) return;
    const isSsh = this.#dice.roll(3) === 0;
    const alias = `soak-${this.#dice.roll(1_000_000)}`;
    const ssh = isSsh ? ["-rp", "22", "--ssh", "-sh", alias] : ["-rp", String(ECHO_PORT)];
    await this.#command(user, ["start", this.#run(), "-lp", "0", ...ssh, "-t", "20s", "-r", "3"]);
  }

  async #command(user: SoakUser, words: readonly string[]): Promise<CommandResult> {
    const result = await user.run(words);
    this.#count(`${words[0]} ${result.exitCode}`);
    // Nothing on stderr of a command may be a stack of ours, and no end may be a bug.
    const isKilled = words[0] === "start" && /ended unexpectedly|start-timeout/.test(result.stderr);
    if (!GOOD_CODES.includes(result.exitCode) && !isKilled) {
      throw new Error(`${words.join(" ")} ended with ${result.exitCode}: ${result.stderr}`);
    }
    return result;
  }

  async #strike(user: SoakUser, signal: NodeJS.Signals): Promise<void> {
    const tunnel = this.#dice.pick(await user.list());
    if (tunnel === undefined || tunnel.pid === null) return;
    this.#count(signal);
    kill(tunnel.pid, signal);
  }

  #run(): string {
    return this.#dice.pick(RUNS) ?? RUNS[0];
  }

  async #freeze(user: SoakUser): Promise<void> {
    const tunnel = this.#dice.pick(await user.list());
    if (tunnel === undefined || tunnel.pid === null) return;
    this.#count("SIGSTOP");
    const { pid } = tunnel;
    kill(pid, "SIGSTOP");
    await user.list();
    kill(pid, "SIGCONT");
  }

  async #toggleFault(): Promise<void> {
    if (this.#undoFault !== undefined) return await this.#clearFault();
    const fault = this.#dice.pick(FAULTS);
    if (fault === undefined) return;
    this.#count(`fault ${fault[0].slice(0, 2).join(" ")}`);
    this.#undoFault = fault[1];
    await this.#steer(fault[0]);
  }

  async #clearFault(): Promise<void> {
    const undo = this.#undoFault;
    this.#undoFault = undefined;
    if (undo !== undefined) await this.#steer(undo);
  }

  /** The run gets another address, with or without other host keys. */
  async #move(): Promise<void> {
    const word = this.#dice.roll(2) === 0 ? "restart" : "resume";
    this.#count(word);
    await this.#steer([word, "1001", `10.244.9.${1 + this.#dice.roll(250)}`]);
    await this.#steer(["open", "1001", String(ECHO_PORT), String(this.#echo?.port)]);
  }

  async #send(user: SoakUser): Promise<void> {
    const tunnels = (await user.list()).filter(({ ports }) => ports.some(({ remote }) => remote === ECHO_PORT));
    const port = this.#dice.pick(tunnels)?.ports[0]?.local;
    if (port === undefined || port === 0) return;
    const sizeBytes = 2 ** this.#dice.roll(22);
    const sending = exchange(port, sizeBytes).then((outcome) => {
      this.#count(`connection ${outcome}`);
      if (outcome === "whole") this.#bytes += sizeBytes;
      if (outcome === "wrong") this.#wrong = new Error("A connection carried bytes that nobody sent");
    });
    this.#traffic.add(sending);
    void sending.finally(() => this.#traffic.delete(sending));
    if (this.#traffic.size > 50) await Promise.race(this.#traffic);
  }

  async #check(): Promise<void> {
    if (this.#wrong !== undefined) throw this.#wrong;
    const user = this.#dice.pick(this.#users);
    if (user === undefined) return;
    for (const tunnel of await user.list()) {
      if (!STATES.includes(tunnel.state)) throw new Error(`Unknown state ${tunnel.state}`);
      const figures = tunnel.pid === null ? undefined : measure(tunnel.pid);
      if (figures === undefined) continue;
      this.#maxPssKb = Math.max(this.#maxPssKb, figures.pssKb);
      this.#maxDescriptors = Math.max(this.#maxDescriptors, figures.descriptors);
      if (figures.pssKb > MAX_PSS_KB) throw new Error(`Process ${tunnel.pid} uses ${figures.pssKb} KB`);
      if (figures.descriptors > MAX_DESCRIPTORS) {
        throw new Error(`Process ${tunnel.pid} holds ${figures.descriptors} descriptors`);
      }
    }
  }

  /** Without faults every tunnel that lives becomes healthy again, and carries bytes. */
  async #recover(): Promise<void> {
    await this.#clearFault();
    await Promise.all(this.#traffic);
    const deadline = performance.now() + RECOVERY_MS;
    for (const user of this.#users) {
      for (;;) {
        const living = (await user.list()).filter(({ state }) => state !== "dead");
        for (const { ports } of living) {
          const pair = ports.find(({ remote }) => remote === ECHO_PORT);
          if (pair !== undefined) await exchange(pair.local, 100_000);
        }
        const ill = living.filter(({ state }) => state !== "healthy");
        if (ill.length === 0) break;
        if (performance.now() > deadline) throw new Error(`Not healthy again: ${JSON.stringify(ill)}`);
        await Bun.sleep(1000);
      }
    }
  }

  async #leave(): Promise<void> {
    for (const user of this.#users) {
      await this.#command(user, ["stop", "-t", "2s"]);
      const processes = user.processes();
      if (processes.length > 0) throw new Error(`Still running: ${processes.join(", ")}`);
      const files = (await user.files()).filter((path) => !/\.json\.[0-9a-f]{12}\.tmp$/.test(path));
      if (files.length > 0) throw new Error(`Still there: ${files.join(", ")}`);
    }
  }

  async #steer(words: readonly string[]): Promise<void> {
    await this.#sandbox?.control(words);
  }

  #tell(minutes: number): void {
    const counts = [...this.#counts].sort(([one], [other]) => one.localeCompare(other));
    this.#options.say(
      `${minutes.toFixed(1)} min; ${counts.map(([name, count]) => `${name}: ${count}`).join(", ")}; ` +
        `${(this.#bytes / 1e6).toFixed(0)} MB each way; at most ${this.#maxPssKb} KB and ${this.#maxDescriptors} descriptors`,
    );
  }

  #count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}
