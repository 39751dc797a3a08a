// Parsers for the files of /proc/PID (see proc(5)). Pure.

/** The fields of /proc/PID/stat that we use. */
export type ProcStat = {
  readonly name: string;
  readonly state: string;
  readonly parentPid: number;
  /** Field 22, clock ticks since boot. */
  readonly startTicks: string;
};

/** Parses /proc/PID/stat; undefined when the text is not such a file. The name may hold spaces and parentheses. */
export function parseProcStat(text: string): ProcStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  // The first field behind the name is number 3.
  const fields = text
    .slice(close + 1)
    .trim()
    .split(" ");
  const [state, parentPid] = fields;
  const startTicks = fields[22 - 3];
  if (state === undefined || parentPid === undefined || startTicks === undefined || !/^\d+$/.test(startTicks)) {
    return undefined;
  }
  return { name: text.slice(open + 1, close), state, parentPid: Number(parentPid), startTicks };
}

/** The real user id in /proc/PID/status. */
export function parseStatusUid(text: string): number | undefined {
  const match = /^Uid:\s+(\d+)/m.exec(text);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** The command line in /proc/PID/cmdline on one line; undefined for kernel threads, which have none. */
export function formatCommandLine(text: string): string | undefined {
  const line = text.replace(/\0+$/, "").replaceAll("\0", " ").replace(/\s+/g, " ").trim();
  return line === "" ? undefined : line;
}
