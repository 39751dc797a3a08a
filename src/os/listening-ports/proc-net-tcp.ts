// Parser for /proc/net/tcp and /proc/net/tcp6 (see proc(5)). Pure.
import type { ListeningSocket } from "./port-table.ts";

/** TCP_LISTEN in the kernel's tcp_states.h. */
const LISTEN = "0A";

/** The sockets that listen; established and waiting ones hold no port against a listener. */
export function parseProcNetTcp(text: string): readonly ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  for (const line of text.split("\n")) {
    // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
    const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(local ?? "");
    if (state !== LISTEN || match === null || uid === undefined || inode === undefined) continue;
    const [, address = "", port = ""] = match;
    sockets.push({ address: decodeAddress(address), port: Number.parseInt(port, 16), uid: Number(uid), inode });
  }
  return sockets;
}

/** The kernel prints each 32-bit word of the address in the machine's byte order; all machines we run on are little-endian. */
function decodeAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, "hex")].reverse());
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = bytes.slice(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 255));
  return isMapped ? bytes.slice(12).join(".") : formatIpv6(bytes);
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function formatIpv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  const runs = [...groups.join(":").matchAll(/\b0(?::0)+\b/g)].map(([run]) => run);
  const longest = runs.reduce((one, other) => (other.length > one.length ? other : one), "");
  if (longest === "") return groups.join(":");
  const [head = "", tail = ""] = splitOnce(groups.join(":"), longest);
  return `${head.replace(/:$/, "")}::${tail.replace(/^:/, "")}`;
}

function splitOnce(text: string, part: string): readonly [string, string] {
  const at = text.search(new RegExp(`\\b${part}\\b`));
  return [text.slice(0, at), text.slice(at + part.length)];
}
