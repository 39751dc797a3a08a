// What to do with a tunnel that already stands on wanted local ports: the table of `pipe tunnel start`, as data.
import { isSameTunnel, type TunnelSpec } from "./tunnel-spec.ts";

/** The user's flags, in the order in which they are weighed. */
export type ConflictFlags = {
  readonly replaceExisting: boolean;
  readonly keepExisting: boolean;
  readonly replaceDifferent: boolean;
  readonly keepSame: boolean;
  /** Whether tunnels of other users may be replaced. */
  readonly ignoreOwner: boolean;
};

/** A tunnel and the user it belongs to. */
export type OwnedTunnel = { readonly spec: TunnelSpec; readonly owner: string };

/** What to do about one existing tunnel. */
export type ConflictDecision =
  | { readonly kind: "keep" }
  | { readonly kind: "replace" }
  /** `foreign`: only the other owner stands in the way, `--ignore-owner` would replace it. */
  | { readonly kind: "refuse"; readonly same: boolean; readonly foreign: boolean };

/** Decides about one existing tunnel that shares a local port with the wanted one. */
export function decideConflict(wanted: OwnedTunnel, existing: OwnedTunnel, flags: ConflictFlags): ConflictDecision {
  const same = isSameTunnel(wanted.spec, existing.spec);
  const foreign = wanted.owner !== existing.owner;
  const replace: ConflictDecision =
    foreign && !flags.ignoreOwner ? { kind: "refuse", same, foreign: true } : { kind: "replace" };
  if (flags.replaceExisting) return replace;
  if (flags.keepExisting) return { kind: "keep" };
  if (flags.replaceDifferent && !same) return replace;
  if (flags.keepSame && same) return { kind: "keep" };
  return { kind: "refuse", same, foreign: false };
}
