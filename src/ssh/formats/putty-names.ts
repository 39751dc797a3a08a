// How PuTTY turns a session's name into a file name or a registry key.

/** File name below `~/.putty/sessions` (PuTTY for Unix): everything that is not surely harmless becomes `%XX`. */
export function puttySessionFileName(name: string): string {
  return escapeBytes(name, (char) => /[A-Za-z0-9+\-.@_]/.test(char));
}

/** Key name below `Sessions` in the registry (PuTTY for Windows): spaces, `\ * ? %`, controls, anything beyond ASCII and
 * a leading dot become `%XX`. */
export function puttySessionKeyName(name: string): string {
  const escaped = escapeBytes(name, (char) => /[!-~]/.test(char) && !/[\\*?%]/.test(char));
  return escaped.startsWith(".") ? `%2E${escaped.slice(1)}` : escaped;
}

function escapeBytes(name: string, isSafe: (char: string) => boolean): string {
  return Array.from(new TextEncoder().encode(name), (byte) => {
    const char = String.fromCharCode(byte);
    return isSafe(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}
