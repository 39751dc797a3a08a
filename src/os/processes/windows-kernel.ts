// The few functions of kernel32.dll and advapi32.dll that tell processes apart. Loaded at first use: FFI costs memory.
import type { Pointer } from "bun:ffi";

/** What we ask of the Windows kernel. */
export interface Kernel {
  /** Creation time in units of 100 ns since 1601; undefined when no such process runs or it is closed to us, and then
   * it is none of ours. */
  startOf(pid: number): string | undefined;
  /** Ends the process if it was created at this time; checked and ended through one handle, so nothing comes between. */
  terminate(pid: number, startedAt: string): "ended" | "gone" | "refused";
  /** Full path of the program. */
  programOf(pid: number): string | undefined;
  userName(): string | undefined;
}

// Rights and values of winnt.h and winbase.h.
const PROCESS_TERMINATE = 0x0001;
const PROCESS_QUERY_LIMITED_INFORMATION = 0x1000;
const SYNCHRONIZE = 0x00100000;
const WAIT_TIMEOUT = 0x102;

/** Longest path that Windows hands out, in UTF-16 units. */
const MAX_PATH_UNITS = 32_768;

/** UNLEN + 1 of lmcons.h. */
const MAX_USER_UNITS = 257;

/** Names of the libraries; replaced in tests. */
export type KernelLibraries = { readonly kernel: string; readonly security: string };

/** Binds the functions; undefined where FFI or the libraries are missing. */
export function openKernel(
  libraries: KernelLibraries = { kernel: "kernel32.dll", security: "advapi32.dll" },
): Kernel | undefined {
  try {
    return bindKernel(libraries);
  } catch {
    return undefined;
  }
}

type Ffi = typeof import("bun:ffi");

/** HANDLE of winnt.h, as wide as a pointer. */
type Handle = Pointer | bigint;

function bindKernel(libraries: KernelLibraries): Kernel {
  const ffi = process.getBuiltinModule("bun:ffi") as Ffi;
  const { symbols } = ffi.dlopen(libraries.kernel, {
    OpenProcess: { args: ["u32", "i32", "u32"], returns: "ptr" },
    CloseHandle: { args: ["ptr"], returns: "i32" },
    WaitForSingleObject: { args: ["ptr", "u32"], returns: "u32" },
    GetProcessTimes: { args: ["ptr", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
    TerminateProcess: { args: ["ptr", "u32"], returns: "i32" },
    QueryFullProcessImageNameW: { args: ["ptr", "u32", "ptr", "ptr"], returns: "i32" },
  });
  const security = ffi.dlopen(libraries.security, { GetUserNameW: { args: ["ptr", "ptr"], returns: "i32" } });

  const withProcess = <T>(pid: number, rights: number, ask: (handle: Handle) => T): T | undefined => {
    const handle = symbols.OpenProcess(rights, 0, pid);
    if (handle === null) return undefined;
    try {
      return ask(handle);
    } finally {
      symbols.CloseHandle(handle);
    }
  };
  /** An ended process keeps its number and times for as long as anybody holds a handle. */
  const startBehind = (handle: Handle): string | undefined => {
    const times = new BigUint64Array(4);
    const [created, exited, kernel, user] = [0, 1, 2, 3].map((index) => ffi.ptr(times, index * 8));
    if (symbols.WaitForSingleObject(handle, 0) !== WAIT_TIMEOUT) return undefined;
    if (created === undefined || exited === undefined || kernel === undefined || user === undefined) return undefined;
    return symbols.GetProcessTimes(handle, created, exited, kernel, user) === 0 ? undefined : String(times[0]);
  };
  return {
    startOf: (pid) => withProcess(pid, PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, startBehind),
    terminate(pid, startedAt) {
      const rights = PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE;
      const outcome = withProcess(pid, rights, (handle) => {
        if (startBehind(handle) !== startedAt) return "gone";
        return symbols.TerminateProcess(handle, 1) === 0 ? "refused" : "ended";
      });
      // No handle: gone or closed to us; the caller finds out which by asking with fewer rights.
      return outcome ?? "refused";
    },
    programOf: (pid) =>
      withProcess(pid, PROCESS_QUERY_LIMITED_INFORMATION, (handle) => {
        const text = new Uint16Array(MAX_PATH_UNITS);
        const size = new Uint32Array([text.length]);
        const done = symbols.QueryFullProcessImageNameW(handle, 0, ffi.ptr(text), ffi.ptr(size));
        return done === 0 ? undefined : decodeUtf16(text, size[0] ?? 0);
      }),
    userName() {
      const text = new Uint16Array(MAX_USER_UNITS);
      const size = new Uint32Array([text.length]);
      // The size counts the closing zero.
      const done = security.symbols.GetUserNameW(ffi.ptr(text), ffi.ptr(size));
      return done === 0 ? undefined : decodeUtf16(text, (size[0] ?? 1) - 1);
    },
  };
}

function decodeUtf16(text: Uint16Array, units: number): string {
  return new TextDecoder("utf-16le").decode(text.subarray(0, units));
}
