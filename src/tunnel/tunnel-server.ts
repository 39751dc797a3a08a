// One tunnel in one process: its listeners, its way to the run, its health and its control channel.
import { randomBytes } from "node:crypto";
import { AppError, isRunOver } from "../domain/errors.ts";
import type { PortPair } from "../domain/ports.ts";
import { describeRoute } from "../domain/route.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import { collectGarbage } from "../os/memory.ts";
import type { ResolvedRun } from "../platforms/platform.ts";
import { type Relay, startRelay } from "../relay/relay.ts";
import { systemTimer } from "../relay/timer.ts";
import { probeKind } from "./await-remote.ts";
import type { AppContext } from "./context.ts";
import type { ControlAddress } from "./control/control-client.ts";
import type { ControlReply, ControlRequest, TunnelStatus } from "./control/control-protocol.ts";
import { type ControlServer, startControlServer } from "./control/control-server.ts";
import { DialCounter } from "./dial-counter.ts";
import { HealthMonitor } from "./health-check.ts";
import { dialHeld } from "./held-dial.ts";
import { LiveRoute, type LiveRun } from "./live-route.ts";
import { openLocalPorts } from "./local-ports.ts";
import { MemoryAtRest } from "./memory-at-rest.ts";
import { probe } from "./probe.ts";
import { resolveRun } from "./run-access.ts";
import type { StopRequest } from "./stop-request.ts";
import { TunnelHistory } from "./tunnel-history.ts";

/** How often a stop that waits for connections tells how many are left. */
const DRAIN_REPORT_MS = 250;

const NOTHING_YET = { bytesUp: 0, bytesDown: 0 } as const;

/** The moving parts of one tunnel. Whoever makes it closes it. */
export class TunnelServer {
  readonly route: LiveRoute;
  readonly monitor: HealthMonitor;
  readonly #spec: TunnelSpec;
  readonly #context: AppContext;
  readonly #stop: StopRequest;
  readonly #dials = new DialCounter();
  readonly #history: TunnelHistory;
  readonly #closing = new AbortController();
  readonly #rest = new MemoryAtRest(
    systemTimer,
    () => ({ lastByteAt: this.#relay?.stats().lastByteAt }),
    collectGarbage,
  );
  #relay: Relay | undefined;
  #control: ControlServer | undefined;

  constructor(spec: TunnelSpec, context: AppContext, stop: StopRequest, onNewIncarnation: (run: ResolvedRun) => void) {
    this.#spec = spec;
    this.#context = context;
    this.#stop = stop;
    this.route = new LiveRoute({
      resolve: () => resolveRun(spec, context, this.#closing.signal),
      transports: context.transports,
      clock: context.clock,
      log: context.log,
      onNewIncarnation,
    });
    this.#history = new TunnelHistory(context.clock, () => this.#relay?.stats() ?? NOTHING_YET);
    this.monitor = new HealthMonitor({
      clock: context.clock,
      log: context.log,
      probe: () => this.#probe(),
      onRoundTrip: (roundTripMs) => this.#history.noteRoundTrip(roundTripMs),
      // Overnight a run may have got another address, and its old one another owner.
      onWake: () => this.route.doubt(),
      ...(spec.probe?.intervalMs === undefined ? {} : { intervalMs: spec.probe.intervalMs }),
      ...(spec.probe?.threshold === undefined ? {} : { threshold: spec.probe.threshold }),
    });
  }

  /** Aborted when the tunnel closes. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Opens the local ports; connections that come before the run is resolved wait for it. */
  async listen(): Promise<{ readonly ports: readonly PortPair[]; readonly warnings: readonly string[] }> {
    const { relay, warnings } = await openLocalPorts(this.#spec, (ports) => this.#startRelay(ports), this.#context);
    this.#relay = relay;
    return { ports: relay.ports, warnings };
  }

  /** Opens the control channel. */
  openControl(): ControlAddress {
    const token = randomBytes(32).toString("hex");
    this.#control = startControlServer(token, (request, reply) => this.#answer(request, reply));
    return { port: this.#control.port, token };
  }

  /** Watches the way to the run until the tunnel closes. */
  async watch(): Promise<void> {
    await Promise.all([this.monitor.run(this.#closing.signal), this.#history.run(this.#closing.signal)]);
  }

  /** Takes no new connections and lets the open ones finish for as long as all who asked for the end allow. */
  async drain(): Promise<void> {
    const relay = this.#relay;
    if (relay === undefined) return;
    relay.closeListeners();
    const { impatience } = this.#stop;
    if (impatience.aborted) return;
    const report = (): void => {
      const { open, inFlightBytes } = relay.stats();
      if (open > 0) this.#stop.tell({ kind: "draining", openConnections: open, inFlightBytes });
    };
    report();
    const timer = setInterval(report, DRAIN_REPORT_MS);
    // Past the deadline the connections that are left are dropped: that is what the deadline is for.
    await relay.drain(impatience).catch(() => undefined);
    clearInterval(timer);
  }

  /** Frees ports, connections and the route. The control channel stays for the last word: see `closeControl`. */
  close(): void {
    this.#closing.abort();
    this.#relay?.close();
    this.#rest.close();
    this.route.close();
  }

  closeControl(): void {
    this.#control?.close();
  }

  #startRelay(ports: readonly PortPair[]): Relay {
    const { clock, log, random } = this.#context;
    const { connectTimeoutMs, holdMs, listenAddress, retries } = this.#spec;
    return startRelay({
      listenAddress,
      ports,
      log,
      onClosed: () => this.#rest.connectionClosed(),
      dial: (remotePort, signal) =>
        dialHeld(remotePort, signal, {
          route: this.route,
          clock,
          random,
          retries,
          connectTimeoutMs,
          holdMs,
          onSuccess: (roundTripMs) => {
            this.#dials.succeed(roundTripMs);
            this.monitor.succeed(roundTripMs);
          },
          onFailure: (error) => this.#noteFailure(error),
        }),
    });
  }

  /** Probes; when that fails, asks the platform whether it knows why, and tries a route that is new once. */
  async #probe(): Promise<number> {
    const known = this.route.current;
    try {
      return await this.#probeAlong(await this.route.get());
    } catch (error) {
      this.route.doubt();
      const found = await this.#explain(error);
      if (found !== undefined && found.run.incarnation !== known?.run.incarnation) return this.#probeAlong(found);
      throw error;
    }
  }

  /** Throws what the platform says about the run where that says more than the failed probe. */
  async #explain(probeError: unknown): Promise<LiveRun | undefined> {
    this.#endIfOver(probeError);
    if (this.signal.aborted || saysMost(probeError)) return undefined;
    try {
      return await this.route.renew();
    } catch (error) {
      this.#endIfOver(error);
      if (saysMost(error)) throw error;
      return undefined;
    }
  }

  #probeAlong({ dialer }: LiveRun): Promise<number> {
    const [first] = this.#spec.ports;
    const port = first?.remote ?? 0;
    return probe(dialer, {
      kind: probeKind(this.#spec, port),
      port,
      timeoutMs: this.#spec.probe?.timeoutMs ?? this.#spec.connectTimeoutMs,
      signal: this.#closing.signal,
      clock: this.#context.clock,
    });
  }

  #noteFailure(error: unknown): void {
    this.#dials.fail(error);
    this.monitor.fail(error);
    this.#endIfOver(error);
  }

  #endIfOver(error: unknown): void {
    if (!isRunOver(error) || !(error instanceof Error)) return;
    this.monitor.end(error);
    this.#stop.request({ kind: "run-over", message: error.message });
  }

  #answer(request: ControlRequest, reply: (reply: ControlReply) => void): void {
    switch (request.kind) {
      case "status":
        reply({ kind: "status", status: this.#status(request.history === true) });
        break;
      case "stop":
        this.#stop.request({ kind: "command", timeoutMs: request.timeoutMs, reply });
        break;
      case "reload":
        reply({ kind: "refused", message: "A tunnel has no file to read anew" });
        break;
    }
  }

  #status(withHistory: boolean): TunnelStatus {
    const live = this.route.current;
    const stats = this.#relay?.stats();
    return {
      health: this.monitor.health,
      route: live === undefined ? "" : describeRoute(live.run.route),
      incarnation: live?.run.incarnation ?? "",
      openConnections: stats?.open ?? 0,
      totalConnections: stats?.total ?? 0,
      failedConnections: stats?.failed ?? 0,
      bytesUp: stats?.bytesUp ?? 0,
      bytesDown: stats?.bytesDown ?? 0,
      inFlightBytes: stats?.inFlightBytes ?? 0,
      ...(stats?.lastByteAt === undefined ? {} : { lastByteAt: stats.lastByteAt }),
      probes: this.monitor.probes,
      outages: this.monitor.outages,
      dials: this.#dials.counts,
      ...(withHistory ? { history: this.#history.samples } : {}),
    };
  }
}

/** Whether the error tells of the run or of our right to it, not only of a way that is closed. */
function saysMost(error: unknown): boolean {
  return error instanceof AppError && (error.hop === "run-state" || error.hop === "api-login");
}
