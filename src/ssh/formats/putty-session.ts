// A saved session of PuTTY: the few settings we say, as `Key=value` lines or as registry values.

/** What a session says. */
export type PuttySession = {
  readonly owner: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly keyFile: string;
};

/** One setting; numbers are REG_DWORD in the registry. */
export type PuttySetting = { readonly key: string; readonly value: string | number };

/** Setting that PuTTY does not know and leaves alone: tells our sessions from the user's. */
export const OWNER_KEY = "RuntunnelOwner";

/** Seconds between keepalives, as for OpenSSH. */
const PING_INTERVAL_S = 30;

/** The settings of a session; what is not said keeps PuTTY's default. */
export function puttySettings(session: PuttySession): readonly PuttySetting[] {
  return [
    // First: what is written in several steps must be ours from the first one on.
    { key: OWNER_KEY, value: session.owner },
    { key: "Present", value: 1 },
    { key: "Protocol", value: "ssh" },
    { key: "HostName", value: session.address },
    { key: "PortNumber", value: session.port },
    { key: "UserName", value: session.user },
    { key: "PublicKeyFile", value: session.keyFile },
    { key: "PingInterval", value: 0 },
    { key: "PingIntervalSecs", value: PING_INTERVAL_S },
  ];
}

/** The session's file (PuTTY for Unix). */
export function renderPuttySession(settings: readonly PuttySetting[]): string {
  return settings.map(({ key, value }) => `${key}=${value}\n`).join("");
}

/** The settings of a session's file; later lines win, as for PuTTY. */
export function parsePuttySession(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const at = line.indexOf("=");
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
  });
  return new Map(pairs);
}

/** Whether the session found is the one that this owner made: by its mark, or, after a user saved it again in PuTTY's
 * window (which drops the mark), by the key file, which no other session uses. */
export function isOwnSession(found: ReadonlyMap<string, string>, session: PuttySession): boolean {
  const owner = found.get(OWNER_KEY);
  if (owner !== undefined) return owner === session.owner;
  return found.get("PublicKeyFile") === session.keyFile && found.get("PortNumber") === String(session.port);
}
