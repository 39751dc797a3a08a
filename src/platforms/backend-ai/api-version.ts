// Which version of its API to name to a manager: it refuses those it does not know. Pure.

/** Versions that managers know, ascending. */
const KNOWN_VERSIONS = [
  "v4.20181215",
  "v4.20190115",
  "v4.20190315",
  "v4.20190615",
  "v5.20191215",
  "v6.20200815",
  "v6.20220315",
  "v6.20220615",
  "v6.20221201",
  "v6.20230315",
  "v7.20230615",
  "v8.20240315",
  "v8.20240915",
  "v9.20250722",
] as const;

/** Every manager from 22.09 on takes this one. */
export const SAFE_VERSION = "v6.20220615";

/** The version to name: the server's own if we know it, else the newest known that is not newer, else the safe one. */
export function chooseApiVersion(serverVersion: string | undefined): string {
  const server = serverVersion === undefined ? undefined : versionOrder(serverVersion);
  if (server === undefined) return SAFE_VERSION;
  return KNOWN_VERSIONS.findLast((known) => (versionOrder(known) ?? 0) <= server) ?? SAFE_VERSION;
}

/** Paths say `kernel` up to version 4, `session` since. */
export function runWord(apiVersion: string): "kernel" | "session" {
  return /^v[1-4]\./.test(apiVersion) ? "kernel" : "session";
}

/** GraphQL answers bare data, on another path, before v6.20210815. */
export function hasWrappedGraphQl(apiVersion: string): boolean {
  return (versionOrder(apiVersion) ?? 0) >= 6 * 1e8 + 20210815;
}

function versionOrder(version: string): number | undefined {
  const match = /^v(\d{1,3})\.(\d{8})$/.exec(version);
  return match === null ? undefined : Number(match[1]) * 1e8 + Number(match[2]);
}
