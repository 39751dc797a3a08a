// Who listens on a local port, so that "port taken" can name the process to stop. For messages, never for decisions.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { System } from "../paths.ts";
import type { Processes } from "../processes/processes.ts";
import { type RunCommand, runCommand } from "../run-command.ts";
import { userName } from "../user-name.ts";
import { parseLsof } from "./lsof-output.ts";
import { parseNetstat } from "./netstat-output.ts";
import { chooseHolder, type ListeningSocket } from "./port-table.ts";
import { parseProcNetTcp } from "./proc-net-tcp.ts";

/** Whoever listens; what the system hides from us is absent. */
export type PortHolder = {
  readonly address: string;
  readonly pid?: number;
  readonly command?: string;
  readonly owner?: string;
};

/** The system to ask and the way to run its tools; replaced in tests. */
export type PortTableSource = { readonly system: System; readonly run: RunCommand };

/** Finds who keeps us from listening on the port, at `address` if given. Undefined when nobody is seen to, which is not
 * to say that nobody does: macOS shows the sockets of other users to the administrator only. */
export async function findPortHolder(
  port: number,
  processes: Processes,
  address?: string,
  source: PortTableSource = { system: currentSystem(), run: runCommand },
): Promise<PortHolder | undefined> {
  const socket = chooseHolder(listSockets(port, source), port, address);
  if (socket === undefined) return undefined;
  const pid = socket.pid ?? (socket.inode === undefined ? undefined : findSocketOwner(socket.inode));
  const process = pid === undefined ? undefined : processes.describe(pid);
  const command = process?.command ?? socket.command;
  const ownerOfSocket = socket.uid === undefined ? socket.owner : userName(socket.uid, source.run);
  const owner = process?.owner ?? ownerOfSocket;
  return {
    address: socket.address,
    ...(pid === undefined ? {} : { pid }),
    ...(command === undefined ? {} : { command }),
    ...(owner === undefined ? {} : { owner }),
  };
}

function listSockets(port: number, { system, run }: PortTableSource): readonly ListeningSocket[] {
  switch (system) {
    case "linux":
      return [...parseProcNetTcp(readProc("net/tcp")), ...parseProcNetTcp(readProc("net/tcp6"))];
    case "darwin":
      return parseLsof(run(["lsof", "-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-F", "pcLn"]) ?? "");
    case "win32":
      return parseNetstat([run(["netstat", "-ano", "-p", "TCP"]), run(["netstat", "-ano", "-p", "TCPv6"])].join("\n"));
  }
}

function currentSystem(): System {
  return process.platform === "win32" || process.platform === "darwin" ? process.platform : "linux";
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}

/** Looks through the open files of all processes we may look into. */
function findSocketOwner(inode: string): number | undefined {
  const wanted = `socket:[${inode}]`;
  for (const pid of list("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = `/proc/${pid}/fd`;
    if (list(folder).some((file) => isLinkTo(`${folder}/${file}`, wanted))) return Number(pid);
  }
  return undefined;
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Gone meanwhile, or not ours to see.
    return [];
  }
}

function isLinkTo(path: string, wanted: string): boolean {
  try {
    return readlinkSync(path) === wanted;
  } catch {
    return false;
  }
}
