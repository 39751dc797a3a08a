// The operating system that the tests run on.
import type { System } from "../../src/os/paths.ts";

/** As `process.platform` names it; what is neither Windows nor macOS is treated like Linux. */
export const THIS_SYSTEM: System =
  process.platform === "win32" || process.platform === "darwin" ? process.platform : "linux";
