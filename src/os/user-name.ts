// Names of users by number, asked of the system: HOME and USER may say anything.
import { readFileSync } from "node:fs";
import type { RunCommand } from "./run-command.ts";

const known = new Map<number, string>();

/** The user's name; the number itself where nobody knows a name. Directory services are asked through `id`. */
export function userName(uid: number, runCommand: RunCommand): string {
  const name = known.get(uid) ?? findInPasswd(readPasswd(), uid) ?? runCommand(["id", "-un", String(uid)])?.trim();
  known.set(uid, name === undefined || name === "" ? String(uid) : name);
  return known.get(uid) ?? String(uid);
}

/** Looks a user up in the text of /etc/passwd. */
export function findInPasswd(text: string, uid: number): string | undefined {
  for (const line of text.split("\n")) {
    const [name, , number] = line.split(":");
    if (number === String(uid) && name !== undefined && /^[^#+-]/.test(name)) return name;
  }
  return undefined;
}

function readPasswd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    return "";
  }
}
