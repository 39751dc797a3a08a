// Lines of an authorized_keys file as a server reads them: options, type, key.

/** What somebody who logged in may do. */
export type Permissions = {
  readonly pty: boolean;
  readonly portForwarding: boolean;
  /** Run instead of whatever the client asks for. */
  readonly command?: string;
};

/** One key that opens an account. */
export type AuthorizedKey = { readonly type: string; readonly base64: string; readonly permissions: Permissions };

/** What a login without restrictions may do. */
export const EVERYTHING: Permissions = { pty: true, portForwarding: true };

const KEY = /^((?:ssh|ecdsa|sk)-[\w.@-]+)\s+([A-Za-z0-9+/]+=*)(?:\s|$)/;

/** Reads a whole file; comments, blank lines and lines that are no key are skipped. */
export function parseAuthorizedKeys(text: string): readonly AuthorizedKey[] {
  return text.split(/\r?\n/).flatMap((line) => parseLine(line.trim()));
}

function parseLine(line: string): readonly AuthorizedKey[] {
  if (line === "" || line.startsWith("#")) return [];
  const plain = KEY.exec(line);
  const options = plain === null ? /^(?:"(?:\\"|[^"])*"|[^\s"])+/.exec(line)?.[0] : "";
  const [, type, base64] = plain ?? KEY.exec(line.slice(options?.length ?? 0).trim()) ?? [];
  if (type === undefined || base64 === undefined || options === undefined) return [];
  return [{ type, base64, permissions: parseOptions(options) }];
}

/** Options are read from left to right: `restrict,pty` forbids everything, then allows a terminal. */
function parseOptions(text: string): Permissions {
  let permissions = EVERYTHING;
  for (const [option] of text.matchAll(/(?:"(?:\\"|[^"])*"|[^,"])+/g)) {
    const command = /^command="(.*)"$/i.exec(option)?.[1];
    if (command !== undefined) permissions = { ...permissions, command: command.replaceAll('\\"', '"') };
    else permissions = { ...permissions, ...(SWITCHES[option.toLowerCase()] ?? {}) };
  }
  return permissions;
}

const SWITCHES: Readonly<Record<string, Partial<Permissions>>> = {
  restrict: { pty: false, portForwarding: false },
  pty: { pty: true },
  "no-pty": { pty: false },
  "port-forwarding": { portForwarding: true },
  "no-port-forwarding": { portForwarding: false },
};
