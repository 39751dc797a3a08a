// Asking Windows through PowerShell, and reading the answers. Pure.
import type { ProcessDescription } from "./processes.ts";

/** The command that runs a script without the user's profile and prints UTF-8, whatever the console's code page. */
export function powerShell(script: string): readonly [string, ...string[]] {
  const utf8 = "[Console]::OutputEncoding = [Text.Encoding]::UTF8";
  return ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", `${utf8}; ${script}`];
}

/** Parses a creation time in units of 100 ns since 1601. */
export function parsePowerShellStart(text: string): string | undefined {
  return /^\uFEFF?\s*(\d{15,20})\s*$/.exec(text)?.[1];
}

/** Parses the JSON of the script that describes a process; undefined when there is no such process. */
export function parsePowerShellDescription(text: string): ProcessDescription | undefined {
  const value = parseObject(text.replace(/^\uFEFF/, ""));
  const name = value["Name"];
  if (typeof name !== "string") return undefined;
  const { CommandLine: line, ParentProcessId: parent, Domain: domain, User: user } = value;
  const owner = typeof user === "string" ? user : "unknown";
  return {
    // Processes of others hide their command line.
    command: typeof line === "string" && line.trim() !== "" ? line.trim() : name,
    owner: typeof domain === "string" && domain !== "" && owner !== "unknown" ? `${domain}\\${owner}` : owner,
    ...(typeof parent === "number" ? { parentPid: parent } : {}),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
