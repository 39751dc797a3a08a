// What the program costs before and between its work: start-up times, and tunnels at rest.
import { type Rest, type Spread, type StartUp, spreadOf } from "./figures.ts";
import type { Generator } from "./generator.ts";
import { exactCpuSeconds, pause, pssBytes, waitForQuiet } from "./processes.ts";
import type { Tunnel, Tunnels } from "./tunnels.ts";

/** How many tunnels rest side by side: they share the program's pages. */
const TUNNELS = 3;

/** After this a tunnel has given back what its start needed. */
const SETTLE_MS = 4000;

/** How long and how often to look. */
export type RestPlan = { readonly runs: number; readonly idleMs: number; readonly quietMs: number };

/** Starts tunnels, lets them rest, and times the commands meanwhile and afterwards. */
export async function measureRest(
  tunnels: Tunnels,
  generator: Generator,
  plan: RestPlan,
): Promise<{ readonly rest: Rest; readonly startUp: StartUp }> {
  const [first = 0, ...others] = generator.targets;
  const running: Tunnel[] = [];
  for (const port of others.slice(0, TUNNELS)) running.push(await tunnels.start(port));
  await pause(SETTLE_MS);
  await waitForQuiet(plan.quietMs);
  const rest = await watchRest(running, plan.idleMs);
  const startUp = await timeCommands(tunnels, first, plan.runs);
  for (const tunnel of running) await tunnels.stop(tunnel);
  return { rest, startUp };
}

async function watchRest(running: readonly Tunnel[], idleMs: number): Promise<Rest> {
  const before = running.map(({ pid }) => exactCpuSeconds(pid));
  await pause(idleMs);
  const cpuShare = running.map(({ pid }, index) => {
    return (exactCpuSeconds(pid) - (before[index] ?? 0)) / (idleMs / 1000);
  });
  return { pssBytes: running.map(({ pid }) => pssBytes(pid)), cpuShare };
}

async function timeCommands(tunnels: Tunnels, remotePort: number, runs: number): Promise<StartUp> {
  const version = repeat(runs * 3, () => time(tunnels, ["--version"]));
  const list = repeat(runs * 2, () => time(tunnels, ["list"]));
  const start: number[] = [];
  const stop: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    start.push(time(tunnels, ["start", "127.0.0.1", "-lp", "0", "-rp", String(remotePort)]));
    stop.push(time(tunnels, ["stop", `host:127.0.0.1`, "-lp", String(await portTo(tunnels, remotePort))]));
  }
  return { version: spread(version), list: spread(list), start: spread(start), stop: spread(stop) };
}

function repeat(count: number, measure: () => number): readonly number[] {
  return Array.from({ length: count }, measure);
}

/** Milliseconds that a command takes, from its start to its end. */
function time(tunnels: Tunnels, words: readonly string[]): number {
  const startedAt = performance.now();
  const { exitCode, stderr } = Bun.spawnSync([tunnels.executable, ...words], { env: tunnels.environment });
  const tookMs = performance.now() - startedAt;
  if (exitCode !== 0) throw new Error(`runtunnel ${words.join(" ")} failed: ${stderr.toString()}`);
  return tookMs;
}

/** The local port of the tunnel that leads to a remote port. */
async function portTo(tunnels: Tunnels, remotePort: number): Promise<number> {
  const tunnel = (await tunnels.list()).find(({ ports }) => ports[0].remote === remotePort);
  if (tunnel === undefined) throw new Error("The tunnel that was started is not listed");
  return tunnel.ports[0].local;
}

function spread(values: readonly number[]): Spread {
  const found = spreadOf(values);
  if (found === undefined) throw new Error("Nothing was measured");
  return found;
}
