// The transports we ship.
import { direct } from "./direct/direct.ts";
import { httpConnect } from "./http-connect/http-connect.ts";
import { sshJump } from "./ssh-jump/ssh-jump.ts";
import type { Transport } from "./transport.ts";
import { websocket } from "./websocket/websocket.ts";

/** All transports. */
export const transports: readonly Transport[] = [direct, httpConnect, sshJump, websocket];
