// Whether this process may open anything more.
import { closeSync, openSync } from "node:fs";
import { systemErrorCode } from "../domain/errors.ts";

/** The system's error where no descriptor is left. The runtime reports a socket that it could not even make as a refused
 * connect, so a refusal has to be looked at twice. */
export function findDescriptorShortage(): unknown {
  try {
    closeSync(openSync(process.execPath, "r"));
    return undefined;
  } catch (error) {
    const code = systemErrorCode(error);
    return code === "EMFILE" || code === "ENFILE" ? error : undefined;
  }
}
