// The few calls of the C library that the runtime has no name for.

type Ffi = typeof import("bun:ffi");
type Functions = Record<string, import("bun:ffi").FFIFunction>;

/** glibc; musl by its names on the machines we build for. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];

/** Loads the C library of a Linux. Throws where there is none to load. */
export function openCLibrary<Fns extends Functions>(
  functions: Fns,
): { readonly library: import("bun:ffi").Library<Fns>; readonly ffi: Ffi } {
  const ffi = process.getBuiltinModule("bun:ffi") as Ffi;
  let failure: unknown;
  for (const name of LIBRARIES) {
    try {
      return { library: ffi.dlopen(name, functions), ffi };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
