// Decides, under the registry's lock, whether a wanted tunnel may be made, and claims its ports by writing its record.
import { randomBytes } from "node:crypto";
import { type ConflictFlags, decideConflict, type OwnedTunnel } from "../domain/conflict.ts";
import { ConflictError } from "../domain/errors.ts";
import { formatPorts, type PortPair } from "../domain/ports.ts";
import { fillPortWishes, isSameTunnel, sharedLocalPorts, type TunnelSpec } from "../domain/tunnel-spec.ts";
import type { ManagedBy, TunnelRecord } from "../registry/record.ts";
import type { AppContext } from "./context.ts";
import { livenessNow, lookAgain } from "./look-again.ts";

/** What `start` is to do. */
export type Claim =
  | { readonly kind: "created"; readonly record: TunnelRecord }
  | { readonly kind: "kept"; readonly record: TunnelRecord }
  | { readonly kind: "replace"; readonly records: readonly TunnelRecord[] };

/** A tunnel that somebody wants. */
export type Wanted = {
  readonly spec: TunnelSpec;
  readonly runName: string;
  readonly mode: TunnelRecord["mode"];
  readonly logFile?: string;
  readonly managedBy?: ManagedBy;
  /** Absent: existing tunnels are not looked at. */
  readonly conflict?: ConflictFlags;
};

/** Claims the ports, or says which tunnels to keep or to replace. Throws ConflictError where the flags allow neither. */
export async function claimTunnel(wanted: Wanted, context: AppContext): Promise<Claim> {
  const { registry } = context;
  return registry.locked(async (): Promise<Claim> => {
    const { records } = await registry.list();
    const decided =
      wanted.conflict === undefined ? undefined : await decideAll(wanted, wanted.conflict, records, context);
    if (decided !== undefined) return decided;
    const record = newRecord(wanted, context);
    await registry.write(record);
    return { kind: "created", record };
  }, context.signal);
}

async function decideAll(
  wanted: Wanted,
  flags: ConflictFlags,
  records: readonly TunnelRecord[],
  context: AppContext,
): Promise<Claim | undefined> {
  const owner = context.processes.currentUser();
  const toReplace: TunnelRecord[] = [];
  for (const seen of records) {
    const existing = await lookAgain(seen, context);
    if (existing === undefined) continue;
    const liveness = await livenessNow(existing, context);
    if (liveness === "dead" || liveness === "elsewhere") continue;
    const chosen = chosenPorts(existing);
    const ports = sharedLocalPorts(wanted.spec.ports, chosen);
    const asWanted = { spec: fillPortWishes(wanted.spec, chosen), owner };
    const asChosen = { spec: { ...existing.spec, ports: chosen }, owner: existing.owner };
    if (ports.length === 0) {
      if (isKeptByWish(asWanted, asChosen, flags)) return { kind: "kept", record: existing };
      continue;
    }
    const decision = decideConflict(asWanted, asChosen, flags);
    switch (decision.kind) {
      case "keep":
        return { kind: "kept", record: existing };
      case "replace":
        toReplace.push(existing);
        break;
      case "refuse":
        // A preferred port is a wish: the tunnel takes another one where it is taken.
        if (wanted.spec.portFallback) break;
        throw refusal(existing, ports, decision, owner);
    }
  }
  return toReplace.length === 0 ? undefined : { kind: "replace", records: toReplace };
}

/** Whether any free port would do and the same tunnel of this user has one already. */
function isKeptByWish(wanted: OwnedTunnel, existing: OwnedTunnel, flags: ConflictFlags): boolean {
  if (!flags.keepSame || flags.replaceExisting) return false;
  return wanted.owner === existing.owner && isSameTunnel(wanted.spec, existing.spec);
}

/** The ports of a tunnel with the local ones that it really has; remote ones as they were asked for. */
function chosenPorts({ boundPorts, spec }: TunnelRecord): readonly PortPair[] {
  return spec.ports.map(({ local, remote }, index) => ({ local: boundPorts?.[index]?.local ?? local, remote }));
}

function refusal(
  existing: TunnelRecord,
  ports: readonly number[],
  decision: { readonly same: boolean; readonly foreign: boolean },
  user: string,
): ConflictError {
  const which = decision.same ? "The same tunnel" : `A different tunnel, to ${existing.runName},`;
  const where = `local port ${formatPorts(ports)}`;
  const stop = `runtunnel stop -lp ${ports.join(",")}`;
  if (decision.foreign || existing.owner !== user) {
    return new ConflictError(
      `${which} already exists on ${where} and belongs to user ${existing.owner}, not to ${user}`,
      {
        code: "tunnel-exists",
        hint: `Choose another --local-port, or stop it with "${stop} --ignore-owner"`,
      },
    );
  }
  return new ConflictError(`${which} already exists on ${where}`, {
    code: "tunnel-exists",
    hint: decision.same
      ? `Add --keep-same to use it, --replace-existing to start it anew, or stop it with "${stop}"`
      : `Add --replace-different to replace it, choose another --local-port, or stop it with "${stop}"`,
  });
}

function newRecord(wanted: Wanted, context: AppContext): TunnelRecord {
  const { clock, processes } = context;
  return {
    id: newTunnelId(wanted.spec),
    spec: wanted.spec,
    runName: wanted.runName,
    state: "starting",
    machine: processes.machine(),
    owner: processes.currentUser(),
    launcher: processes.self(),
    createdAt: clock.now(),
    mode: wanted.mode,
    ...(wanted.logFile === undefined ? {} : { logFile: wanted.logFile }),
    ...(wanted.managedBy === undefined ? {} : { managedBy: wanted.managedBy }),
    warnings: [],
    journal: [],
  };
}

/** A readable, unique file name: the run, and enough randomness for two tunnels to one run. */
function newTunnelId(spec: TunnelSpec): string {
  return `${runSlug(spec.run)}-${randomBytes(4).toString("hex")}`;
}

/** A run's id as it stands in file names. */
export function runSlug(run: string): string {
  const slug = run
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  return slug === "" ? "run" : slug;
}
