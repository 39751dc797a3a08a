// WebSocket relays: each dial is one WebSocket whose binary frames carry the bytes. Backend.AI's manager and its web UI
// are such relays, and so is websockify.
import type { ByteStream } from "../../domain/byte-stream.ts";
import { TimeoutError, UsageError } from "../../domain/errors.ts";
import type { Route, Via } from "../../domain/route.ts";
import { orAborted, withDeadline } from "../../streams/deadline.ts";
import type { RewindableStream } from "../../streams/inbound-stream.ts";
import { RecentConnects } from "../../streams/recent-connects.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import { connectTls } from "../../streams/tls.ts";
import type { Dialer, DialOptions, Transport } from "../transport.ts";
import { upgradeStream } from "./handshake.ts";
import { parseUpgradeTarget, renderUpgradeRequest, type UpgradeTarget } from "./upgrade-request.ts";
import { type Timers, WebSocketStream } from "./websocket-stream.ts";

/** Frames over our own streams and not the runtime's client (which stands behind the package `ws`): payloads pass as they
 * arrive instead of as whole messages, several in one write, and connects, TLS and time limits fail in the same words as
 * with every transport. */
export const websocket: Transport = createWebSocketTransport({
  now: Date.now,
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
});

/** The transport with time as an argument. */
function createWebSocketTransport(timers: Timers): Transport {
  return {
    name: "websocket",
    open: (route) => {
      const { via } = route;
      if (via === undefined) throw new UsageError("A WebSocket route needs the address of a relay");
      parseUpgradeTarget(via.url, route.host, 0);
      const recent = new RecentConnects();
      const dialer: Dialer = {
        dial: (port, options) => dialRelay({ route, via, port, timers, recent }, options),
        close: () => {},
      };
      return dialer;
    },
  };
}

/** How far a dial has come, for the error of one whose time is over. */
type Phase = "connecting" | "upgrading" | "reaching";

type Dial = {
  readonly route: Route;
  readonly via: Via;
  readonly port: number;
  readonly timers: Timers;
  readonly recent: RecentConnects;
};

async function dialRelay(dial: Dial, options: DialOptions): Promise<ByteStream> {
  const { route, via } = dial;
  const port = route.dialPort?.(dial.port) ?? dial.port;
  const target = parseUpgradeTarget(via.url, route.host, port);
  const { signal, timeoutMs } = options;
  let phase: Phase = "connecting";
  const onTimeout = (): TimeoutError => explainTimeout(target, phase, timeoutMs, via.greets === true);
  return withDeadline({ signal, timeoutMs, onTimeout }, async (bounded) => {
    const carrier = await connectRelay(target, dial, { signal: bounded, timeoutMs });
    phase = "upgrading";
    const giveUp = (): void => carrier.destroy();
    bounded.addEventListener("abort", giveUp, { once: true });
    try {
      const headers = await via.headers?.({ method: "GET", target: target.target, host: target.host });
      bounded.throwIfAborted();
      await orAborted(upgradeStream(carrier, target, renderUpgradeRequest(target, headers ?? {})), bounded);
      phase = "reaching";
      return await openStream(carrier, target, dial, bounded);
    } catch (error) {
      carrier.destroy();
      throw error;
    } finally {
      bounded.removeEventListener("abort", giveUp);
    }
  });
}

function connectRelay(target: UpgradeTarget, dial: Dial, options: DialOptions): Promise<RewindableStream> {
  const endpoint = { host: target.hostname, port: target.port };
  const common = { ...options, hop: "proxy-tcp" } as const;
  if (!target.isTls) return connectTcp(endpoint, { ...common, recent: dial.recent });
  return connectTls(endpoint, { ...common, tls: dial.via.tls ?? { verify: true }, protocols: ["http/1.1"] });
}

/** The 101 alone proves nothing: relays send it before they connect to the remote port. */
async function openStream(
  carrier: RewindableStream,
  target: UpgradeTarget,
  { via, timers }: Dial,
  signal: AbortSignal,
): Promise<ByteStream> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = new WebSocketStream(carrier, {
    shown: target.shown,
    timers,
    silence: via.silence,
    proof: via.greets === true ? "bytes" : "pong",
    onProof: (error) => (error === undefined ? resolve() : reject(error)),
  });
  try {
    await orAborted(promise, signal);
    return stream;
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

function explainTimeout(target: UpgradeTarget, phase: Phase, timeoutMs: number, greets: boolean): TimeoutError {
  const waited = `within ${timeoutMs} ms`;
  if (phase === "reaching" && greets) {
    return new TimeoutError(`The remote port behind ${target.shown} said nothing ${waited}`, {
      code: "no-greeting",
      hop: "ssh-banner",
      hint: "Check that the service in the run has started",
    });
  }
  if (phase === "reaching") {
    return new TimeoutError(`The relay ${target.shown} did not reach the remote port ${waited}`, {
      code: "remote-port-timeout",
      hop: "remote-port",
      hint: "Check that the run can be reached from the relay, and its port",
    });
  }
  if (phase === "upgrading") {
    return new TimeoutError(`${target.shown} accepted the connection but did not answer ${waited}`, {
      code: "relay-mute",
      hop: "proxy-tcp",
      hint: "Check the address of the relay",
    });
  }
  return new TimeoutError(`${target.shown} could not be reached ${waited}`, {
    code: "connection-timeout",
    hop: "proxy-tcp",
    hint: "Check the network or the VPN",
  });
}
