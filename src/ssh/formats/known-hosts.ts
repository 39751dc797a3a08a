// known_hosts lines: found by their exact host name, never by how they begin.
import { appendLines, asByteText, splitLines, stripLineEnd } from "./byte-text.ts";
import { formatHostKey, type HostKey } from "./host-key.ts";

/** What our lines say. */
export type KnownHost = {
  /** Names of the one host: its HostKeyAlias, `[127.0.0.1]:4567`. */
  readonly names: readonly string[];
  readonly keys: readonly HostKey[];
  /** Comment at the end of each line: by it we know our own again. */
  readonly tag: string;
};

/** The name OpenSSH looks up for an address and a port. */
export function knownHostName(address: string, port: number): string {
  return port === 22 ? address : `[${address}]:${port}`;
}

/** Adds the host's lines. Older lines that hold one of its names lose that name, whoever wrote them: two truths about
 * one host are none. */
export function putKnownHost(text: string, host: KnownHost): string {
  const names = new Set(host.names.map((name) => asByteText(name).toLowerCase()));
  const kept = splitLines(text).map((line) => withoutNames(line, names));
  const lines = host.keys.map((key) => asByteText(`${host.names.join(",")} ${formatHostKey(key)} ${host.tag}`));
  return appendLines(kept.join(""), lines);
}

/** Keys that a file holds for a name, base64. */
export function knownHostKeys(text: string, name: string): readonly string[] {
  const wanted = asByteText(name).toLowerCase();
  return splitLines(text).flatMap((line) => {
    const parsed = parseLine(line);
    return parsed?.names.some((known) => known.toLowerCase() === wanted) === true ? [parsed.base64] : [];
  });
}

/** Removes the lines with that tag, and no others. */
export function removeKnownHost(text: string, tag: string): string {
  const wanted = asByteText(tag);
  return splitLines(text)
    .filter((line) => parseLine(line)?.comment !== wanted)
    .join("");
}

type KnownLine = {
  readonly names: readonly string[];
  readonly type: string;
  readonly base64: string;
  readonly comment: string;
};

/** A plain line; undefined for comments, hashed names, `@cert-authority` and `@revoked`, which are never ours. */
function parseLine(line: string): KnownLine | undefined {
  const match = /^\s*([^\s#@|]\S*)[ \t]+(\S+)[ \t]+(\S+)(?:[ \t]+(.*?))?\s*$/.exec(stripLineEnd(line));
  if (match === null) return undefined;
  const [, names = "", type = "", base64 = "", comment = ""] = match;
  return { names: names.split(","), type, base64, comment };
}

function withoutNames(line: string, names: ReadonlySet<string>): string {
  const parsed = parseLine(line);
  if (!parsed?.names.some((name) => names.has(name.toLowerCase()))) return line;
  const rest = parsed.names.filter((name) => !names.has(name.toLowerCase()));
  return rest.length === 0 ? "" : line.replace(/\S+/, () => rest.join(","));
}
