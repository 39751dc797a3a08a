// Parser for `lsof -F pcLn`, one field a line (lsof(8), "OUTPUT FOR OTHER PROGRAMS"). Pure.
import type { ListeningSocket } from "./port-table.ts";

/** The sockets in the output: `p` process, `c` command, `L` login name, then for each file `f` and `n` name. */
export function parseLsof(text: string): readonly ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  let pid: number | undefined;
  let fields: { command?: string; owner?: string } = {};
  for (const line of text.split("\n")) {
    const value = line.slice(1);
    switch (line[0]) {
      case "p":
        pid = Number(value);
        fields = {};
        break;
      case "c":
        fields = { ...fields, command: decodeEscapes(value) };
        break;
      case "L":
        fields = { ...fields, owner: value };
        break;
      case "n": {
        const match = /^(.+):(\d+)$/.exec(value);
        const [, host, port] = match ?? [];
        if (pid === undefined || host === undefined) break;
        sockets.push({ address: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port), pid, ...fields });
      }
    }
  }
  return sockets;
}

/** lsof prints bytes outside its locale as \xHH. */
function decodeEscapes(text: string): string {
  const bytes = text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return bytes === text ? text : Buffer.from(bytes, "latin1").toString("utf8");
}
