// `ssh`, `scp` and `sftp`: the system's own client, with a tunnel and a key of its own for this one call.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:os";
import { join } from "node:path";
import { InterruptedError, NotFoundError, systemErrorCode } from "../../domain/errors.ts";
import type { TunnelSpec } from "../../domain/tunnel-spec.ts";
import { ensurePrivateFolder } from "../../os/atomic-file.ts";
import { removeFolder } from "../../os/remove-folder.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import type { AppContext } from "../context.ts";
import { startTunnel } from "../start.ts";

/** The programs that are run. */
export type SshProgram = "ssh" | "scp" | "sftp";

/** One call. */
export type SshSessionOptions = {
  readonly program: SshProgram;
  readonly run: string;
  readonly platform?: string;
  /** The client's own words. In those of `scp`, `:path` is a path on the run. */
  readonly words: readonly string[];
  readonly spec: Omit<TunnelSpec, "platform" | "run" | "ports" | "portFallback" | "ssh" | "waitForRemote">;
  readonly users: readonly string[];
};

/** Runs the client and returns its exit code. Nothing of the set-up stays, whatever becomes of the client. */
export async function runSshSession(options: SshSessionOptions, context: AppContext): Promise<number> {
  const folder = join(context.folders.state, "sessions", randomBytes(8).toString("hex"));
  await ensurePrivateFolder(folder);
  const ending = new AbortController();
  const own: AppContext = {
    ...context,
    signal: AbortSignal.any([context.signal, ending.signal]),
    // PuTTY and the user's own files have no part in this call.
    sshClients: context.sshClients.filter((client) => client.isEssential),
  };
  const exit = Promise.withResolvers<number>();
  // Looked at only after the tunnel is down; until then a failure must not count as unnoticed.
  exit.promise.catch(() => undefined);
  try {
    await startTunnel(tunnelOptions(options, folder), own, (record) => {
      context.progress.done();
      void runClient(options, folder, record)
        .then(exit.resolve, exit.reject)
        .finally(() => ending.abort(new InterruptedError()));
    });
    return await exit.promise;
  } finally {
    await removeFolder(folder);
  }
}

function tunnelOptions(options: SshSessionOptions, folder: string): Parameters<typeof startTunnel>[0] {
  return {
    run: options.run,
    ...(options.platform === undefined ? {} : { platform: options.platform }),
    spec: {
      ...options.spec,
      ports: [{ local: 0, remote: 22 }],
      portFallback: false,
      waitForRemote: true,
      ssh: { folder, users: options.users, keep: false },
    },
    remotePortsGiven: true,
    timeoutMs: 0,
    stopTimeoutMs: 0,
    foreground: true,
  };
}

function runClient(options: SshSessionOptions, folder: string, record: TunnelRecord): Promise<number> {
  const alias = record.ssh?.alias ?? record.runName;
  return new Promise((resolve, reject) => {
    const child = spawn(options.program, clientWords(options, join(folder, "config"), alias), { stdio: "inherit" });
    child.on("error", (cause) => {
      const missing = systemErrorCode(cause) === "ENOENT";
      reject(missing ? missingClient(options.program, cause) : cause);
    });
    child.on("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** The client's command line: OpenSSH takes options of `ssh` behind the host, those of the others only before it. */
function clientWords(
  options: Pick<SshSessionOptions, "program" | "words">,
  configFile: string,
  alias: string,
): readonly string[] {
  switch (options.program) {
    case "ssh":
      return ["-F", configFile, alias, ...options.words];
    case "scp":
      return ["-F", configFile, ...options.words.map((word) => (word.startsWith(":") ? `${alias}${word}` : word))];
    case "sftp":
      return ["-F", configFile, ...options.words, alias];
  }
}

function missingClient(program: SshProgram, cause: unknown): NotFoundError {
  return new NotFoundError(`There is no program "${program}" on this machine`, {
    code: "no-ssh-client",
    hint: "Install OpenSSH's client, or use PuTTY with a tunnel: runtunnel start RUN -lp PORT -rp 22 --ssh",
    cause,
  });
}
