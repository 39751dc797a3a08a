// Looks at the local end: tunnels that run here, their ports, or whether a wanted port is free.
import type { Check } from "../../domain/check.ts";
import { formatDuration } from "../../domain/duration.ts";
import { connectHost } from "../../domain/endpoint.ts";
import { ConflictError } from "../../domain/errors.ts";
import { findPortHolder } from "../../os/listening-ports/find-port-holder.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import { probeKind } from "../await-remote.ts";
import type { AppContext } from "../context.ts";
import { findTrouble, type ListedTunnel } from "../list.ts";
import { probe } from "../probe.ts";
import { describePorts } from "../selection.ts";
import { PROBE_WORDS } from "./doctor-run.ts";
import type { Examination } from "./examination.ts";

/** The verdict on a tunnel by what it says of itself. */
export function tunnelCheck(tunnel: ListedTunnel, now: number): Check {
  const { record, state } = tunnel;
  const check = { name: "tunnel", subject: `${record.runName}, ${describePorts(record)}` } as const;
  const trouble = findTrouble(tunnel);
  const logs = `See what it wrote: runtunnel logs ${record.id}`;
  switch (state) {
    case "healthy": {
      const age = record.readyAt === undefined ? "" : ` for ${formatDuration(Math.max(0, now - record.readyAt))}`;
      return { ...check, state: "ok", message: `healthy${age}, PID ${record.process?.pid ?? "-"}` };
    }
    case "starting":
    case "stopping":
      return {
        ...check,
        state: "warning",
        message: `it is ${state}${record.phase === undefined ? "" : `: ${record.phase}`}`,
      };
    case "degraded":
      return { ...check, state: "warning", message: `degraded: ${trouble?.message ?? "it recovers"}`, hint: logs };
    case "unhealthy":
    case "ended":
      return {
        ...check,
        state: "failed",
        message: `${state}: ${trouble?.message ?? "no reason is known"}`,
        code: trouble?.code ?? "unhealthy",
        exitCode: 6,
        hint: logs,
        ...(trouble?.hop === undefined ? {} : { hop: trouble.hop }),
      };
    case "failed":
      return {
        ...check,
        state: "failed",
        message: record.failure?.message ?? "it could not start",
        code: record.failure?.code ?? "failed",
        exitCode: record.failure?.exitCode ?? 1,
        hint: record.failure?.hint ?? logs,
      };
    case "hanging":
      return {
        ...check,
        state: "failed",
        message: `its process ${record.process?.pid ?? ""} lives and does not answer`,
        code: "tunnel-hangs",
        exitCode: 6,
        hint: `runtunnel stop ${record.id} --force`,
      };
    case "dead":
      return {
        ...check,
        state: "warning",
        message: "its process is gone; what it configured is still there",
        hint: `runtunnel stop ${record.id}`,
      };
    case "elsewhere":
      return { ...check, state: "skipped", message: `it runs on machine ${record.machine}` };
  }
}

/** Goes through each local port of a tunnel that serves; true where all lead to what is expected there. */
export async function examineLocalPorts(
  { record, state }: ListedTunnel,
  context: AppContext,
  examination: Examination,
): Promise<boolean> {
  if (!["healthy", "degraded", "unhealthy"].includes(state)) return false;
  const { spec } = record;
  const host = connectHost(spec.listenAddress);
  let isOpen = true;
  for (const [index, { local }] of (record.boundPorts ?? spec.ports).entries()) {
    const kind = probeKind(spec, spec.ports[index]?.remote ?? 0);
    const looked = await examination.look("local-port", `${host}:${local}`, async () => {
      await probe(
        {
          dial: (port, options) => connectTcp({ host, port }, { ...options, hop: "local-port" }),
          close: () => undefined,
        },
        // A connection may be held for that long while the route is down.
        { kind, port: local, timeoutMs: spec.connectTimeoutMs, signal: context.signal, clock: context.clock },
      );
      return { value: true, message: `through the tunnel: ${PROBE_WORDS[kind]}` };
    });
    isOpen &&= looked === true;
  }
  return isOpen;
}

/** Whether a port that somebody wants can be had. */
export async function examineFreePort(port: number, context: AppContext, examination: Examination): Promise<void> {
  await examination.look("local-port", `port ${port}`, async () => {
    const holder = await findPortHolder(port, context.processes);
    if (holder === undefined) return { value: true, message: "is free" };
    throw new ConflictError(
      `Local port ${port} is held by ${holder.pid === undefined ? "another process" : `process ${holder.pid} (${holder.command ?? "unknown"})`}`,
      { code: "local-port-taken", hop: "local-port", hint: "Choose another --local-port, or -lp 0 for any free one" },
    );
  });
}
