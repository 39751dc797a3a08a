// The plain way: a TCP connection straight to the run.
import type { Route } from "../../domain/route.ts";
import { RecentConnects } from "../../streams/recent-connects.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import type { Dialer, Transport } from "../transport.ts";

/** Dials the run's host itself. */
export const direct: Transport = { name: "direct", open };

function open(route: Route): Dialer {
  const { host } = route;
  const recent = new RecentConnects();
  return {
    dial: (port, { signal, timeoutMs }) =>
      connectTcp({ host, port }, { signal, timeoutMs, hop: "remote-port", recent }),
    close() {},
  };
}
