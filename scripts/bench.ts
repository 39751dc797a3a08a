// Measures the data path beside every other relay that is installed, in alternation in one run, and judges it by the bars.
// Writes docs/bench.json and docs/bench.svg with --save. Linux only: it reads /proc.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { arch, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { judge } from "./bench/bars.ts";
import { directRows } from "./bench/direct-rows.ts";
import type { Figures } from "./bench/figures.ts";
import { Generator } from "./bench/generator.ts";
import { measureMemory } from "./bench/measure-memory.ts";
import { measureRest } from "./bench/measure-rest.ts";
import { measureRows } from "./bench/measure-rows.ts";
import { drawPicture } from "./bench/picture.ts";
import { Programs } from "./bench/processes.ts";
import { proxyRows } from "./bench/proxy-rows.ts";
import { renderReport } from "./bench/report.ts";
import { type Bench, type Built, FAMILIES, type Row } from "./bench/rows.ts";
import { sshRows } from "./bench/ssh-rows.ts";
import { Tunnels } from "./bench/tunnels.ts";
import { sandboxRows, websockifyRows, wstunnelRows } from "./bench/websocket-rows.ts";
import { COMMIT_ID, compile, ROOT } from "./release/compile.ts";

const USAGE = `usage: bun run bench [options]
  --quick         one short round of everything, to see that it works
  --only PARTS    some of path, rest, memory (commas between); default: all
  --memory        the same as --only memory
  --family NAMES  only these: ${FAMILIES.map(([family]) => family).join(", ")}
  --rounds N      rounds of the data path, default 5
  --executable F  measures this executable instead of one built now
  --json FILE     writes the figures there
  --save          writes docs/bench.json and docs/bench.svg`;

/** After this no further round begins: on a busy machine everything takes longer, and would tell less. */
const PATIENCE_MS = 6 * 60_000;

/** More than all rows together take. */
const TARGETS = 40;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    memory: { type: "boolean", default: false },
    family: { type: "string" },
    rounds: { type: "string" },
    executable: { type: "string" },
    json: { type: "string" },
    save: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) console.log(USAGE);
else if (process.platform !== "linux") console.error("error: The benchmark reads /proc and runs on Linux only");
else await run();
process.exit(process.platform === "linux" ? undefined : 1);

async function run(): Promise<void> {
  const startedAt = performance.now();
  const cache = join(ROOT, "dist", "bench");
  await mkdir(cache, { recursive: true });
  const executable = values.executable ?? join(cache, "runtunnel");
  if (values.executable === undefined) {
    say("building the executable");
    await compile({ outfile: executable });
  }
  const folder = await mkdtemp(join(tmpdir(), "runtunnel-bench-"));
  // Servers give up their rights and still read their files.
  await chmod(folder, 0o777);
  const tunnels = new Tunnels(executable, join(folder, "home"));
  const programs = new Programs();
  let generator: Generator | undefined;
  const close = async (): Promise<void> => {
    await tunnels.close().catch((error: unknown) => console.error(error));
    await programs.close();
    await generator?.close();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void close().finally(() => process.exit(130)));
  }
  try {
    await tunnels.prepare();
    generator = await Generator.start(join(cache, "loadgen"), folder, TARGETS);
    const figures = await measure(generator, { programs, tunnels, folder, cache, takeTarget: takerOf(generator) });
    await tell(figures);
    say(`took ${Math.round((performance.now() - startedAt) / 1000)} s`);
  } finally {
    await close();
  }
}

async function measure(generator: Generator, bench: Bench): Promise<Figures> {
  const parts = values.memory ? ["memory"] : (values.only?.split(",") ?? ["path", "rest", "memory"]);
  const quietMs = values.quick ? 300 : 1500;
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  let figures: Figures = {
    commit: COMMIT_ID,
    machine: describeMachine(),
    rounds,
    busyShare: 0,
    missing: [],
    rows: [],
  };
  // At rest first: tunnels share the pages of the executable, and only three are to share them.
  if (parts.includes("rest")) {
    say("start-up and tunnels at rest");
    const plan = values.quick ? { runs: 2, idleMs: 1000, quietMs } : { runs: 7, idleMs: 15_000, quietMs };
    figures = { ...figures, ...(await measureRest(bench.tunnels, generator, plan)) };
  }
  if (parts.includes("memory")) {
    say("memory under load");
    const plan = values.quick
      ? { held: 2000, gibibytes: 1, shortConnections: 2000, stallMs: 1000 }
      : { held: 10_000, gibibytes: 10, shortConnections: 20_000, stallMs: 5000 };
    figures = { ...figures, memory: await measureMemory(bench.tunnels, generator, plan, say) };
  }
  if (!parts.includes("path")) return figures;
  const { missing, rows } = await buildRows(bench);
  say(`data path: ${rows.length} rows, ${rounds} rounds`);
  const plan = { rounds, seconds: values.quick ? 0.2 : 0.4, quietMs, patienceMs: PATIENCE_MS };
  return { ...figures, missing, ...(await measureRows(rows, generator, plan, say)) };
}

/** Starts everything. What cannot be started is named, and the rest is measured. */
async function buildRows(bench: Bench): Promise<Built> {
  const wanted = values.family?.split(",") ?? FAMILIES.map(([family]) => family);
  const builders = {
    direct: () => directRows(bench),
    squid: () => proxyRows("squid", bench),
    tinyproxy: () => proxyRows("tinyproxy", bench),
    websockify: () => websockifyRows(bench),
    sandbox: () => sandboxRows(bench),
    pair: () => wstunnelRows(bench),
    ssh: () => sshRows(bench),
  };
  const rows: Row[] = [];
  const missing = new Set<string>();
  for (const [family] of FAMILIES) {
    if (!wanted.includes(family)) continue;
    try {
      const built = await builders[family]();
      rows.push(...built.rows);
      for (const name of built.missing) missing.add(name);
    } catch (error) {
      say(`${family} cannot be measured: ${error instanceof Error ? error.message : String(error)}`);
      missing.add(family);
    }
  }
  return { rows, missing: [...missing] };
}

async function tell(figures: Figures): Promise<void> {
  const bars = judge(figures);
  console.log(`\n${renderReport(figures, bars)}`);
  const json = `${JSON.stringify({ ...figures, bars }, roundNumber, 2)}\n`;
  if (values.json !== undefined) await writeFile(values.json, json);
  if (!values.save) return;
  await mkdir(join(ROOT, "docs"), { recursive: true });
  await writeFile(join(ROOT, "docs", "bench.json"), json);
  if (figures.rows.length > 0) await writeFile(join(ROOT, "docs", "bench.svg"), drawPicture(figures));
  say("wrote docs/bench.json and docs/bench.svg");
}

/** Five digits say more than any measure is good for. */
function roundNumber(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(5)) : value;
}

function takerOf(generator: Generator): () => number {
  let taken = 0;
  return () => {
    const port = generator.targets[taken];
    taken += 1;
    if (port === undefined) throw new Error("There are more rows than ports of the target");
    return port;
  };
}

function describeMachine(): string {
  const all = cpus();
  return `${all.length} cores, ${(all[0]?.model ?? arch()).replace(/\s+/g, " ")}, Linux ${release()}`;
}

function say(text: string): void {
  console.error(`bench: ${text}`);
}
