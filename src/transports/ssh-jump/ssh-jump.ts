// Tunnels through an SSH server: one connection to it, and a channel in it for each dial.
import { type Endpoint, formatEndpoint, parseEndpoint } from "../../domain/endpoint.ts";
import { UsageError } from "../../domain/errors.ts";
import type { Log } from "../../domain/log.ts";
import type { Route, SshLogin } from "../../domain/route.ts";
import type { Dialer, Transport } from "../transport.ts";
import { SharedConnection } from "./shared-connection.ts";

/** Dials through the SSH server that `route.via` names. */
export const sshJump: Transport = { name: "ssh-jump", open };

function open(route: Route, log: Log): Dialer {
  const { endpoint, login } = parseJumpHost(route);
  const shared = new SharedConnection(endpoint, login, log);
  return {
    dial: (port, options) => shared.dial(route.host, port, options),
    close: () => shared.close(),
  };
}

function parseJumpHost(route: Route): { readonly endpoint: Endpoint; readonly login: SshLogin } {
  const url = route.via?.url ?? "";
  const match = /^ssh:\/\/(?:([^@/]+)@)?([^@/]+)\/?$/i.exec(url);
  const user = match?.[1];
  const login = route.via?.login ?? (user === undefined ? undefined : { user: decodeURIComponent(user) });
  if (match === null || login === undefined) {
    throw new UsageError(`Cannot read the jump host "${url}"`, { hint: "Write it as ssh://user@jump.example:22" });
  }
  const endpoint = parseEndpoint(match[2] ?? "", "the jump host", 22);
  if (login.password === undefined && login.privateKey === undefined) {
    throw new UsageError(`No password and no key is given for the jump host ${formatEndpoint(endpoint)}`, {
      code: "jump-host-login-missing",
      hop: "jump-host",
      hint: "Give the key for the jump host",
    });
  }
  return { endpoint, login };
}
