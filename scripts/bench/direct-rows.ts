// Rows that go straight to the target's port.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./processes.ts";
import { type Bench, type Built, findProgram, type Row } from "./rows.ts";

/** The target itself, our tunnel, and relays that are installed. */
export async function directRows(bench: Bench): Promise<Built> {
  const rows: Row[] = [{ name: "no relay", family: "direct", entry: { port: bench.takeTarget() } }];
  const missing: string[] = [];
  rows.push(await runtunnel(bench));
  for (const [program, build] of [
    ["haproxy", haproxy],
    ["socat", socat],
    ["python3", pollingLoop],
  ] as const) {
    const path = findProgram(program);
    if (path === undefined) missing.push(program);
    else rows.push(await build(path, bench));
  }
  return { rows, missing };
}

async function runtunnel({ takeTarget, tunnels }: Bench): Promise<Row> {
  const { pid, port } = await tunnels.start(takeTarget());
  return { name: "runtunnel", family: "direct", entry: { port }, pid };
}

async function haproxy(program: string, { folder, programs, takeTarget }: Bench): Promise<Row> {
  const port = freePort();
  const file = join(folder, "haproxy.cfg");
  const lines = [
    "global",
    " maxconn 4000",
    "defaults",
    " mode tcp",
    " timeout connect 5s",
    " timeout client 60s",
    " timeout server 60s",
    "listen bench",
    ` bind 127.0.0.1:${port}`,
    ` server target 127.0.0.1:${takeTarget()}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const pid = await programs.serve([program, "-db", "-f", file], port);
  return { name: "HAProxy", family: "direct", entry: { port }, pid };
}

async function socat(program: string, { programs, takeTarget }: Bench): Promise<Row> {
  const port = freePort();
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork,backlog=1024,nodelay`;
  const pid = await programs.serve([program, listen, `TCP:127.0.0.1:${takeTarget()},nodelay`], port);
  return { name: "socat", family: "direct", entry: { port }, pid };
}

async function pollingLoop(program: string, { programs, takeTarget }: Bench): Promise<Row> {
  const port = freePort();
  const script = join(import.meta.dir, "polling-loop.py");
  const pid = await programs.serve([program, script, String(port), String(takeTarget())], port);
  return { name: "polling loop", family: "direct", entry: { port }, pid };
}
