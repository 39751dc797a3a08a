// Parser for `netstat -ano -p TCP` of Windows. Pure.
import type { ListeningSocket } from "./port-table.ts";

/** The sockets that listen. The word for the state is in the user's language, so the peer tells: a listener has none. */
export function parseNetstat(text: string): readonly ListeningSocket[] {
  const sockets: ListeningSocket[] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*TCP\s+(\S+):(\d+)\s+(?:0\.0\.0\.0|\[::\]):0\s+.*?(\d+)\s*$/.exec(line);
    const [, host, port, pid] = match ?? [];
    if (host === undefined) continue;
    const address = host.replace(/^\[(.*?)(?:%\w+)?\]$/, "$1");
    sockets.push({ address, port: Number(port), pid: Number(pid) });
  }
  return sockets;
}
