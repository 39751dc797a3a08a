// The transports we ship.
import { direct } from "./direct/direct.ts";
import { httpConnect } from "./http-connect/http-connect.ts";
import type { Transport } from "./transport.ts";

/** All transports. */
export const transports: readonly Transport[] = [direct, httpConnect];
