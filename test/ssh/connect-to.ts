// Logs in at an SSH server on loopback, through the streams that tunnels use.
import type { ConnectShell } from "../../src/ssh/remote/remote-shell.ts";
import { connectSsh } from "../../src/streams/ssh-connection.ts";
import { connectTcp } from "../../src/streams/tcp-connect.ts";

/** Connects to a port on 127.0.0.1. */
export function connectTo(port: number): ConnectShell {
  return async (login, signal) => {
    const stream = await connectTcp({ host: "127.0.0.1", port }, { signal, timeoutMs: 10_000, hop: "remote-port" });
    return await connectSsh(stream, { login, readyTimeoutMs: 10_000, signal });
  };
}
