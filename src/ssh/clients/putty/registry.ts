// Commands for reg.exe and what it prints. Pure.

/** PuTTY's place in the registry. */
const ROOT = "HKCU\\Software\\SimonTatham\\PuTTY";

/** Key of all host keys. */
export const HOST_KEYS_KEY = `${ROOT}\\SshHostKeys`;

/** Key of all sessions. */
export const SESSIONS_KEY = `${ROOT}\\Sessions`;

/** The keys that PuTTY's settings lie in, from the inside out: PuTTY makes them with the first setting, and so do we. */
export function keysAround(key: string): readonly string[] {
  return [key, ROOT, ROOT.slice(0, ROOT.lastIndexOf("\\"))];
}

/** Key of one session; the name comes escaped. */
export function sessionKey(escapedName: string): string {
  return `${SESSIONS_KEY}\\${escapedName}`;
}

/** Sets one value; makes the key where it is missing. Numbers become REG_DWORD. */
export function regAdd(key: string, name: string, value: string | number): readonly string[] {
  const type = typeof value === "number" ? "REG_DWORD" : "REG_SZ";
  return ["reg", "add", key, "/v", name, "/t", type, "/d", String(value), "/f"];
}

/** Prints one value, or all of a key. */
export function regQuery(key: string, name?: string): readonly string[] {
  return name === undefined ? ["reg", "query", key] : ["reg", "query", key, "/v", name];
}

/** Removes one value, or a key with all in it. */
export function regDelete(key: string, name?: string): readonly string[] {
  return name === undefined ? ["reg", "delete", key, "/f"] : ["reg", "delete", key, "/v", name, "/f"];
}

/** Writes a key into a file, replacing the file. */
export function regExport(key: string, file: string): readonly string[] {
  return ["reg", "export", key, file, "/y"];
}

/** Reads such a file back. */
export function regImport(file: string): readonly string[] {
  return ["reg", "import", file];
}

/** Whether `reg query` printed neither values nor keys below the key. */
export function isEmptyRegKey(output: string, key: string): boolean {
  const path = key.replace(/^HKCU\\/, "HKEY_CURRENT_USER\\").toLowerCase();
  return output.split(/\r?\n/).every((line) => line.trim() === "" || line.trim().toLowerCase() === path);
}

/** The values that `reg query` printed; numbers in decimal, as PuTTY's files have them. */
export function parseRegValues(output: string): ReadonlyMap<string, string> {
  const values = output.split(/\r?\n/).flatMap((line): [string, string][] => {
    const match = /^ {4}(.+?) {4}REG_([A-Z_]+)(?: {4}(.*))?$/.exec(line);
    if (match === null) return [];
    const [, name = "", type, text = ""] = match;
    return [[name, type === "DWORD" ? String(Number(text)) : text]];
  });
  return new Map(values);
}
