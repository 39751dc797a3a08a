// What passwordless SSH needs of this machine and of the tunnel's own way to the run.
import { join } from "node:path";
import { UnreachableError, UsageError } from "../../domain/errors.ts";
import type { TunnelSpec } from "../../domain/tunnel-spec.ts";
import type { ResolvedRun, SshAccess } from "../../platforms/platform.ts";
import type { ClientContext } from "../../ssh/clients/client.ts";
import type { ConnectShell } from "../../ssh/remote/remote-shell.ts";
import { runProgram } from "../../ssh/run-program.ts";
import { connectSsh } from "../../streams/ssh-connection.ts";
import type { Dialer } from "../../transports/transport.ts";
import type { AppContext } from "../context.ts";

/** A login takes a few round trips and, on old servers, a slow look at DNS. */
const LOGIN_TIMEOUT_MS = 20_000;

/** Where clients keep their files and how their locks are taken. */
export function clientContext(context: AppContext): ClientContext {
  const { clock, folders, processes, system } = context;
  return {
    system,
    homeFolder: folders.home,
    environment: context.userEnvironment,
    keyFolder: join(folders.state, "keys"),
    lock: {
      self: processes.self(),
      isAlive: (identity) => processes.isAlive(identity),
      machine: processes.machine(),
      clock,
    },
    run: runProgram,
  };
}

/** Logs in at the run's SSH port along the tunnel's own route. */
export function connectShellBy(getDialer: () => Promise<Dialer>, port: number, timeoutMs: number): ConnectShell {
  return async (login, signal) => {
    const dialer = await getDialer();
    const stream = await dialer.dial(port, { signal, timeoutMs });
    return connectSsh(stream, { login, readyTimeoutMs: LOGIN_TIMEOUT_MS, signal });
  };
}

/** How passwordless SSH may be set up on the run. Throws UsageError where nobody hands out a login and the user brings no
 * key. */
export function requireSshAccess(run: ResolvedRun, spec: TunnelSpec): SshAccess {
  const { ssh } = run;
  if (ssh?.administrator !== undefined || ssh?.ready !== undefined) return ssh;
  if (ssh !== undefined && spec.identity !== undefined) return ssh;
  if (spec.identity !== undefined) return { accounts: [], system: "linux" };
  throw new UsageError(`Nobody hands out a login at ${run.name} for passwordless SSH`, {
    code: "no-ssh-login",
    hop: "ssh-login",
    hint: run.notes[0] ?? "Add --identity with a key that is let in, and --ssh-user with the account",
  });
}

/** The port of the run on which SSH is expected: 22 where it is among the tunnel's ports, else the first. */
export function sshPortPair<Pair extends { readonly remote: number }>(ports: readonly Pair[]): Pair {
  const pair = ports.find(({ remote }) => remote === SSH_PORT) ?? ports[0];
  if (pair === undefined) throw new UnreachableError("The tunnel has no ports", { transient: false });
  return pair;
}

const SSH_PORT = 22;
