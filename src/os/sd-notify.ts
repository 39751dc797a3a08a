// Tells systemd how a service is doing: datagrams to the socket that it names (sd_notify(3)). The runtime has no Unix
// datagram sockets, so the few calls go to the C library, which is loaded at the first message.
import { openCLibrary } from "./c-library.ts";

/** What a service may tell. Each field is one assignment of sd_notify(3). */
export type ServiceNotice = {
  readonly ready?: boolean;
  /** Reloading has begun; `ready` ends it. */
  readonly reloading?: boolean;
  readonly stopping?: boolean;
  /** Still alive. */
  readonly watchdog?: boolean;
  /** One line for `systemctl status`. */
  readonly status?: string;
  /** Asks for this much more time to start or to stop, milliseconds. */
  readonly extendTimeoutMs?: number;
};

/** Sends notices. Never throws: a service manager that does not listen must not stop the service. */
export interface ServiceNotifier {
  notify(notice: ServiceNotice): void;
  close(): void;
}

/** Notices that nobody wants. */
export const SILENT_NOTIFIER: ServiceNotifier = { notify() {}, close() {} };

// Values of Linux: sys/socket.h, time.h.
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** sizeof(sun_path) */
const MAX_PATH_BYTES = 108;

/** A notifier for the value of NOTIFY_SOCKET: a path, or `@name` for the abstract space. Silent where that is impossible. */
export function openNotifier(socketPath: string): ServiceNotifier {
  const address = encodeAddress(socketPath);
  if (address === undefined) return SILENT_NOTIFIER;
  try {
    return bindNotifier(address);
  } catch {
    return SILENT_NOTIFIER;
  }
}

/** The text of one datagram. `monotonicUsec` is the system's monotonic time, which systemd wants with RELOADING. */
export function renderNotice(notice: ServiceNotice, monotonicUsec: () => bigint): string {
  const lines: string[] = [];
  if (notice.reloading === true) lines.push("RELOADING=1", `MONOTONIC_USEC=${monotonicUsec()}`);
  if (notice.stopping === true) lines.push("STOPPING=1");
  if (notice.extendTimeoutMs !== undefined) {
    lines.push(`EXTEND_TIMEOUT_USEC=${Math.ceil(notice.extendTimeoutMs * 1000)}`);
  }
  if (notice.status !== undefined) lines.push(`STATUS=${notice.status.replaceAll(/\s+/g, " ")}`);
  if (notice.watchdog === true) lines.push("WATCHDOG=1");
  if (notice.ready === true) lines.push("READY=1");
  return lines.map((line) => `${line}\n`).join("");
}

/** struct sockaddr_un, as long as its path. */
function encodeAddress(path: string): Uint8Array | undefined {
  if (!/^[/@]./s.test(path)) return undefined;
  const isAbstract = path.startsWith("@");
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > MAX_PATH_BYTES) return undefined;
  const family = Buffer.from(new Uint16Array([AF_UNIX]).buffer);
  return Buffer.concat([family, name]);
}

function bindNotifier(address: Uint8Array): ServiceNotifier {
  const { ffi, library } = openCLibrary({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  const { symbols } = library;
  const socket = symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (socket < 0) return SILENT_NOTIFIER;
  const monotonicUsec = (): bigint => {
    const time = new BigInt64Array(2);
    symbols.clock_gettime(CLOCK_MONOTONIC, ffi.ptr(time));
    return (time[0] ?? 0n) * 1_000_000n + (time[1] ?? 0n) / 1000n;
  };
  let isClosed = false;
  return {
    notify: (notice) => {
      const text = Buffer.from(renderNotice(notice, monotonicUsec));
      if (isClosed || text.length === 0) return;
      symbols.sendto(socket, ffi.ptr(text), text.length, MSG_NOSIGNAL, ffi.ptr(address), address.length);
    },
    close: () => {
      if (!isClosed) symbols.close(socket);
      isClosed = true;
    },
  };
}
