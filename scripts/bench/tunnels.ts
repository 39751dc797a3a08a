// Tunnels of the program under test: the compiled executable, with a home folder of its own.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { output, withoutProxies } from "./processes.ts";

/** A tunnel that runs in the background. */
export type Tunnel = { readonly run: string; readonly port: number; readonly pid: number };

const started = v.object({
  pid: v.number(),
  ports: v.tuple([v.object({ local: v.number(), remote: v.number() })]),
});
const listed = v.object({ tunnels: v.array(started) });

/** Limit of descriptors that a tunnel needs for 10,000 connections, each with two sides. */
const DESCRIPTORS = 32_768;

/** The executable and everything it starts. */
export class Tunnels {
  readonly executable: string;
  readonly environment: NodeJS.ProcessEnv;

  constructor(executable: string, folder: string) {
    this.executable = executable;
    const kept = Object.entries(withoutProxies(process.env)).filter(
      ([name]) => !/^(RUNTUNNEL_|CP_CLI_|BACKEND_|XDG_|API$|API_TOKEN$)/.test(name),
    );
    this.environment = {
      ...Object.fromEntries(kept),
      HOME: folder,
      RUNTUNNEL_STATE_DIR: join(folder, "state"),
      RUNTUNNEL_CONFIG_DIR: join(folder, "config"),
    };
  }

  async prepare(): Promise<void> {
    await mkdir(this.environment["HOME"] ?? "", { recursive: true });
  }

  /** Starts a tunnel on a free local port to 127.0.0.1 or, where `run` names one, to a run of a platform. */
  async start(remotePort: number, options: TunnelOptions = {}): Promise<Tunnel> {
    const run = options.run ?? "127.0.0.1";
    const words = ["start", run, "-lp", "0", "-rp", String(remotePort), "--json", ...(options.words ?? [])];
    // More descriptors than the shell that runs the benchmark may have set; where that is forbidden, as many as there are.
    const script = `ulimit -n ${DESCRIPTORS} 2>/dev/null; exec "$0" "$@"`;
    const environment = { ...this.environment, ...options.environment };
    const answer = JSON.parse(await output(["sh", "-c", script, this.executable, ...words], environment));
    const { pid, ports } = v.parse(started, answer);
    return { run, port: ports[0].local, pid };
  }

  async list(): Promise<readonly v.InferOutput<typeof started>[]> {
    return v.parse(listed, JSON.parse(await output([this.executable, "list", "--json"], this.environment))).tunnels;
  }

  async stop(tunnel: Tunnel): Promise<void> {
    await output([this.executable, "stop", tunnel.run, "-lp", String(tunnel.port), "-t", "0"], this.environment);
  }

  /** Stops all that are left. */
  async close(): Promise<void> {
    await output([this.executable, "stop", "--force"], this.environment);
  }
}

/** Differences from a direct tunnel. */
export type TunnelOptions = {
  readonly run?: string;
  readonly words?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
};
