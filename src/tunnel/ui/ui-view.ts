// What the page shows, made of what the registry and the tunnels say. Pure.
import { CHECK_TITLES, type Check } from "../../domain/check.ts";
import type { Platform } from "../../platforms/platform.ts";
import type { UiCheck, UiRun, UiTunnel } from "../../ui/api.ts";
import { findTrouble, type ListedTunnel } from "../list.ts";
import type { FoundRun } from "../list-runs.ts";

/** What is needed besides the tunnel itself. */
export type ViewOptions = {
  readonly user: string;
  readonly platforms: readonly Platform[];
  readonly traffic: UiTunnel["traffic"];
  /** Round trips up to this moment are known to the page already. */
  readonly since: number;
};

const SSH_PORT = 22;

/** One tunnel for the page. Nothing in it is secret. */
export function viewTunnel(tunnel: ListedTunnel, options: ViewOptions): UiTunnel {
  const { record, state, status } = tunnel;
  const { spec } = record;
  const platform = options.platforms.find(({ name }) => name === spec.platform);
  const ports = record.boundPorts ?? spec.ports;
  const trouble = describeTrouble(tunnel);
  const keyFrom = record.ssh !== undefined ? "tunnel" : platform?.handsOutKeys === true ? "platform" : undefined;
  return {
    id: record.id,
    name: record.runName,
    run: spec.run,
    platform: spec.platform,
    platformTitle: platform?.title ?? spec.platform,
    state,
    listenAddress: spec.listenAddress,
    ports,
    ...(spec.app === undefined ? {} : { app: spec.app }),
    ...(record.process === undefined ? {} : { pid: record.process.pid }),
    owner: record.owner,
    isMine: record.owner === options.user,
    machine: record.machine,
    mode: record.mode,
    ...(record.managedBy === undefined
      ? {}
      : { managedBy: { entry: record.managedBy.entry, file: record.managedBy.file } }),
    createdAt: record.createdAt,
    ...(record.readyAt === undefined ? {} : { readyAt: record.readyAt }),
    ...(record.phase === undefined ? {} : { phase: record.phase }),
    warnings: record.warnings,
    ...(record.logFile === undefined ? {} : { logFile: record.logFile }),
    ...(record.ssh === undefined ? {} : { alias: record.ssh.alias }),
    ...(keyFrom === undefined ? {} : { keyFrom }),
    hasSsh: record.ssh !== undefined || ports.some(({ remote }) => remote === SSH_PORT),
    ...(trouble === undefined ? {} : { trouble }),
    ...(status === undefined ? {} : { figures: viewFigures(status) }),
    roundTrips: roundTripsOf(status).filter(({ at }) => at > options.since),
    traffic: options.traffic,
    outages:
      status?.outages.map(({ from, message, to }) => ({ from, message, ...(to === undefined ? {} : { to }) })) ?? [],
  };
}

/** What was found at one hop. */
export function viewCheck({ hint, message, name, state, subject, tookMs }: Check): UiCheck {
  return {
    title: CHECK_TITLES[name],
    subject,
    state,
    message,
    ...(tookMs === undefined ? {} : { tookMs }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** One run to choose. */
export function viewRun(run: FoundRun, platforms: readonly Platform[]): UiRun {
  const { image, name, phase, reference, startedAt, state, tunnels } = run;
  return {
    reference,
    name,
    platformTitle: platforms.find((platform) => platform.name === run.platform)?.title ?? run.platform,
    state,
    isReady: phase === "ready",
    ...(image === undefined ? {} : { image }),
    ...(startedAt === undefined ? {} : { startedAt }),
    hasTunnel: tunnels.length > 0,
  };
}

function viewFigures(status: NonNullable<ListedTunnel["status"]>): NonNullable<UiTunnel["figures"]> {
  const { bytesDown, bytesUp, failedConnections, health, inFlightBytes, lastByteAt, openConnections, route } = status;
  return {
    route,
    openConnections,
    totalConnections: status.totalConnections,
    failedConnections,
    bytesUp,
    bytesDown,
    inFlightBytes,
    ...(health.roundTripMs === undefined ? {} : { roundTripMs: health.roundTripMs }),
    ...(lastByteAt === undefined ? {} : { lastByteAt }),
  };
}

/** Probes that are remembered, before them what the tunnel has kept of measured times, and the last success, which may have
 * been a user's own connection. */
function roundTripsOf(status: ListedTunnel["status"]): UiTunnel["roundTrips"] {
  if (status === undefined) return [];
  const { lastSuccessAt, roundTripMs } = status.health;
  const probes = status.probes.map((probe) => ({
    at: probe.at,
    ok: probe.ok,
    ...(probe.roundTripMs === undefined ? {} : { roundTripMs: probe.roundTripMs }),
  }));
  const first = probes[0]?.at ?? Number.POSITIVE_INFINITY;
  const before = (status.history ?? []).flatMap(({ at, roundTripMs: measured }) =>
    measured === undefined || at >= first ? [] : [{ at, ok: true, roundTripMs: measured }],
  );
  const known = [...before, ...probes];
  const isNews = lastSuccessAt !== undefined && lastSuccessAt > (known.at(-1)?.at ?? 0);
  return isNews && roundTripMs !== undefined ? [...known, { at: lastSuccessAt, ok: true, roundTripMs }] : known;
}

function describeTrouble(tunnel: ListedTunnel): UiTunnel["trouble"] {
  const { record, state } = tunnel;
  const trouble = findTrouble(tunnel);
  if (trouble !== undefined) return { message: trouble.message, since: trouble.since };
  if (record.failure !== undefined) {
    const { hint, message } = record.failure;
    return { message, ...(hint === undefined ? {} : { hint }) };
  }
  switch (state) {
    case "dead":
      return { message: "Its process has died", hint: "Stop cleans up what it left" };
    case "hanging":
      return { message: "Its process does not answer", hint: "Stop ends it and cleans up" };
    case "elsewhere":
      return { message: `It runs on ${record.machine}`, hint: "It can be stopped only there" };
    default:
      return undefined;
  }
}
