// What is measured beside what: each row is one way to the target, grouped by what lies in between.
import type { Entry } from "./generator.ts";
import type { Programs } from "./processes.ts";
import type { Tunnels } from "./tunnels.ts";

/** What lies between the two ends. */
export type Family = "direct" | "ssh" | "squid" | "tinyproxy" | "websockify" | "sandbox" | "pair";

/** Families in the order of the tables, with their titles. */
export const FAMILIES: readonly (readonly [Family, string])[] = [
  ["direct", "Straight to the port"],
  ["squid", "CONNECT through squid"],
  ["tinyproxy", "CONNECT through tinyproxy"],
  ["websockify", "WebSocket through websockify"],
  ["sandbox", "WebSocket through the sandbox's Backend.AI"],
  ["pair", "WebSocket, both ends of one maker"],
  ["ssh", "SSH through OpenSSH's server"],
];

/** One way to the target. */
export type Row = {
  /** `runtunnel` for ours; `native` where the generator itself speaks the language of what lies in between. */
  readonly name: string;
  readonly family: Family;
  readonly entry: Entry;
  /** Process of the local end, whose processor time is counted. */
  readonly pid?: number;
};

/** What rows are built from. */
export type Bench = {
  readonly programs: Programs;
  readonly tunnels: Tunnels;
  /** For files of the programs; readable by every account, since servers give up their rights. */
  readonly folder: string;
  /** For what is kept from one run of the benchmark to the next. */
  readonly cache: string;
  /** Takes a port of the target that no other row uses. */
  readonly takeTarget: () => number;
};

/** Rows of one family, or the names of programs that are missing for it. */
export type Built = { readonly rows: readonly Row[]; readonly missing: readonly string[] };

/** Where a program lies; servers are often not on the path of an ordinary account. */
export function findProgram(name: string): string | undefined {
  const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
  return Bun.which(name, { PATH: path }) ?? undefined;
}
