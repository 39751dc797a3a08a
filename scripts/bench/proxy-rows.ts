// Rows that go through an HTTP proxy with CONNECT.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Entry } from "./generator.ts";
import { freePort } from "./processes.ts";
import { type Bench, type Built, findProgram, type Row } from "./rows.ts";

/** The generator's own CONNECT, our tunnel, and socat, through one proxy each. */
export async function proxyRows(proxy: "squid" | "tinyproxy", bench: Bench): Promise<Built> {
  const program = findProgram(proxy);
  if (program === undefined) return { rows: [], missing: [proxy] };
  const proxyPort = freePort();
  const file = join(bench.folder, `${proxy}.conf`);
  await writeFile(
    file,
    proxy === "squid" ? squidSettings(bench.folder, proxyPort) : tinyproxySettings(bench, proxyPort),
  );
  const words = proxy === "squid" ? ["-n", `bench${proxyPort}`, "-N", "-f", file] : ["-d", "-c", file];
  await bench.programs.serve([program, ...words], proxyPort);

  const rows: Row[] = [{ name: "native", family: proxy, entry: connectEntry(proxyPort, bench.takeTarget()) }];
  const { pid, port } = await bench.tunnels.start(bench.takeTarget(), {
    words: ["--proxy", `http://127.0.0.1:${proxyPort}`],
  });
  rows.push({ name: "runtunnel", family: proxy, entry: { port }, pid });
  const socat = findProgram("socat");
  if (socat === undefined) return { rows, missing: ["socat"] };
  rows.push(await socatRow(socat, proxy, proxyPort, bench));
  return { rows, missing: [] };
}

function connectEntry(port: number, target: number): Entry {
  const address = `127.0.0.1:${target}`;
  return { port, request: () => `CONNECT ${address} HTTP/1.1\r\nHost: ${address}\r\n\r\n`, status: "200" };
}

async function socatRow(
  program: string,
  family: "squid" | "tinyproxy",
  proxyPort: number,
  { programs, takeTarget }: Bench,
): Promise<Row> {
  const port = freePort();
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork,backlog=1024,nodelay`;
  const through = `PROXY:127.0.0.1:127.0.0.1:${takeTarget()},proxyport=${proxyPort},nodelay`;
  const pid = await programs.serve([program, listen, through], port);
  return { name: "socat", family, entry: { port }, pid };
}

function squidSettings(folder: string, port: number): string {
  return `http_port 127.0.0.1:${port}
acl here src 127.0.0.1
http_access allow here
http_access deny all
cache deny all
access_log none
cache_log ${folder}/squid.log
pid_filename ${folder}/squid.pid
coredump_dir ${folder}
pinger_enable off
netdb_filename none
shutdown_lifetime 1 second
`;
}

function tinyproxySettings({ folder }: Bench, port: number): string {
  return `Port ${port}
Listen 127.0.0.1
Timeout 120
MaxClients 500
Allow 127.0.0.1
LogLevel Error
PidFile "${folder}/tinyproxy.pid"
LogFile "${folder}/tinyproxy.log"
`;
}
