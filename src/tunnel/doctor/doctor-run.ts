// Looks at the way to one run, hop by hop, as a start takes it: the platform's answer, what stands in between, the ports.
import type { Route } from "../../domain/route.ts";
import { describeRoute } from "../../domain/route.ts";
import type { ProbeKind, TunnelSpec } from "../../domain/tunnel-spec.ts";
import type { ResolvedRun } from "../../platforms/platform.ts";
import type { Dialer } from "../../transports/transport.ts";
import { probeKind } from "../await-remote.ts";
import type { AppContext } from "../context.ts";
import { LiveRoute } from "../live-route.ts";
import { probe } from "../probe.ts";
import { resolveRun } from "../run-access.ts";
import { endpointOf, examineName, examinePeer, type Limits, type Peer } from "./doctor-platform.ts";
import type { Examination } from "./examination.ts";

/** A run that can be reached, with a dialer that somebody must close. */
export type ReachedRun = { readonly run: ResolvedRun; readonly dialer: Dialer };

/** Finds the run and tries the way to each port of the spec. `use` gets what was reached while it is open. */
export async function examineWay(
  spec: TunnelSpec,
  context: AppContext,
  examination: Examination,
  use: (reached: ReachedRun) => Promise<void>,
): Promise<void> {
  const route = new LiveRoute({
    resolve: () => resolveRun(spec, context, context.signal),
    transports: context.transports,
    clock: context.clock,
    log: context.log,
    onNewIncarnation: () => undefined,
  });
  const limits: Limits = { signal: context.signal, timeoutMs: spec.connectTimeoutMs };
  try {
    const live = await examination.look("run-state", spec.run, async () => {
      const value = await route.get();
      const message = `can be reached: ${describeRoute(value.run.route)}`;
      const { notes } = value.run;
      return notes.length === 0
        ? { value, message }
        : { value, message: `${message}; ${notes.join("; ")}`, state: "warning" };
    });
    if (live === undefined) return;
    if (!(await examineBetween(live.run.route, examination, limits))) return;
    let isReached = true;
    for (const { remote } of spec.ports) {
      const port = { kind: probeKind(spec, remote), port: remote };
      isReached = (await examineRemotePort(live.dialer, port, context, examination, limits)) && isReached;
    }
    if (isReached) await use(live);
  } finally {
    route.close();
  }
}

/** What lies between us and the run: a proxy, a relay, a jump host; or the host itself, where it has a name. */
async function examineBetween(route: Route, examination: Examination, limits: Limits): Promise<boolean> {
  const { via } = route;
  if (via === undefined) return examineName("route-dns", route.host, examination, limits);
  const endpoint = endpointOf(via.url);
  const tls = /^(https|wss):/.test(via.url) ? { tls: via.tls ?? { verify: true } } : {};
  return (
    (await examineName("route-dns", endpoint.host, examination, limits)) &&
    (await examinePeer("route-connect", { endpoint, ...placeOf(via.url), ...tls }, examination, limits))
  );
}

function placeOf(url: string): Pick<Peer, "hop" | "what"> {
  if (url.startsWith("ssh:")) return { hop: "jump-host", what: "the jump host" };
  return { hop: "proxy-tcp", what: url.startsWith("ws") ? "the WebSocket relay" : "the proxy" };
}

async function examineRemotePort(
  dialer: Dialer,
  { kind, port }: { readonly kind: ProbeKind; readonly port: number },
  context: AppContext,
  examination: Examination,
  { signal, timeoutMs }: Limits,
): Promise<boolean> {
  const subject = port === 0 ? "port of the app" : `port ${port}`;
  const reached = await examination.look("remote-port", subject, async () => {
    await probe(dialer, { kind, port, timeoutMs, signal, clock: context.clock });
    return { value: true, message: PROBE_WORDS[kind] };
  });
  return reached === true;
}

/** What a probe that succeeded has seen. */
export const PROBE_WORDS: Readonly<Record<ProbeKind, string>> = {
  dial: "takes connections",
  ssh: "an SSH server answers",
  http: "an HTTP server answers",
};
