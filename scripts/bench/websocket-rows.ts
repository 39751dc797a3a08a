// Rows that go through a WebSocket relay: websockify, the sandbox's Backend.AI, and the pair of npm's wstunnel.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { Secret } from "../../src/domain/secret.ts";
import { DEFAULT_CONTENT_TYPE, signedHeaders } from "../../src/platforms/backend-ai/signing.ts";
import { freePort, output } from "./processes.ts";
import { type Bench, type Built, findProgram, type Row } from "./rows.ts";

/** The package of the pair; fetched once, into the cache. */
const WSTUNNEL = "wstunnel@1.4.0";

/** Version of the Backend.AI interface that the native client names. */
const API_VERSION = "v6.20220615";

/** The generator's own frames and our tunnel through websockify. */
export async function websockifyRows(bench: Bench): Promise<Built> {
  const program = findProgram("websockify");
  if (program === undefined) return { rows: [], missing: ["websockify"] };
  const relayPort = freePort();
  const target = bench.takeTarget();
  await bench.programs.serve([program, `127.0.0.1:${relayPort}`, `127.0.0.1:${target}`], relayPort);
  const { pid, port } = await bench.tunnels.start(target, { words: ["--proxy", `ws://127.0.0.1:${relayPort}`] });
  const host = `127.0.0.1:${relayPort}`;
  const entry = {
    port: relayPort,
    request: () => renderUpgrade("/", host, {}),
    status: "101",
    isFramed: true,
  } as const;
  return {
    rows: [
      { name: "native", family: "websockify", entry },
      { name: "runtunnel", family: "websockify", entry: { port }, pid },
    ],
    missing: [],
  };
}

const exports = v.object({
  BACKEND_ENDPOINT: v.string(),
  BACKEND_ACCESS_KEY: v.string(),
  BACKEND_SECRET_KEY: v.string(),
});

/** The generator's own frames and our tunnel through the manager of the sandbox. */
export async function sandboxRows(bench: Bench): Promise<Built> {
  const script = join(import.meta.dir, "sandbox-relay.ts");
  const environment = v.parse(
    exports,
    JSON.parse(await bench.programs.announce([process.execPath, script, String(bench.takeTarget())])),
  );
  const { pid, port } = await bench.tunnels.start(9001, { run: "demo", words: ["--app", "ports"], environment });
  const { host, port: relayPort } = new URL(environment.BACKEND_ENDPOINT);
  const keys = {
    accessKey: environment.BACKEND_ACCESS_KEY,
    secretKey: new Secret(environment.BACKEND_SECRET_KEY),
  };
  const target = "/stream/session/demo/tcpproxy?app=ports&port=9001";
  const signed = { method: "GET", target, host, contentType: DEFAULT_CONTENT_TYPE, apiVersion: API_VERSION };
  const request = (): string => renderUpgrade(target, host, signedHeaders(signed, keys, Date.now()));
  return {
    rows: [
      { name: "native", family: "sandbox", entry: { port: Number(relayPort), request, status: "101", isFramed: true } },
      { name: "runtunnel", family: "sandbox", entry: { port }, pid },
    ],
    missing: [],
  };
}

/** Client and server of npm's wstunnel. */
export async function wstunnelRows(bench: Bench): Promise<Built> {
  const node = findProgram("node");
  const script = await fetchWstunnel(bench.cache);
  if (node === undefined || script === undefined) return { rows: [], missing: ["wstunnel (npm)"] };
  const [relayPort, port] = [freePort(), freePort()];
  const target = `127.0.0.1:${bench.takeTarget()}`;
  await bench.programs.serve([node, script, "-s", `127.0.0.1:${relayPort}`, "-t", target], relayPort);
  const client = [node, script, "-t", `127.0.0.1:${port}:${target}`, `ws://127.0.0.1:${relayPort}`];
  const pid = await bench.programs.serve(client, port);
  const row: Row = { name: "wstunnel (npm)", family: "pair", entry: { port }, pid };
  return { rows: [row], missing: [] };
}

/** Path of the program; undefined where it is not in the cache and cannot be fetched. */
async function fetchWstunnel(cache: string): Promise<string | undefined> {
  const folder = join(cache, "wstunnel");
  const script = join(folder, "node_modules", "wstunnel", "bin", "wstt.js");
  if (existsSync(script)) return script;
  const npm = findProgram("npm");
  if (npm === undefined) return undefined;
  await mkdir(folder, { recursive: true });
  const words = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", WSTUNNEL];
  return output([npm, ...words]).then(
    () => (existsSync(script) ? script : undefined),
    () => undefined,
  );
}

function renderUpgrade(target: string, host: string, headers: Readonly<Record<string, string>>): string {
  const all = {
    Host: host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "binary",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
