// Looks at the SSH client: whether it is there, what it knows of a run, whether the run shows the key it knows, and
// whether it lets us in.

import { join } from "node:path";
import { connectHost } from "../../domain/endpoint.ts";
import { AuthError, LocalError, NotFoundError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { TunnelSpec } from "../../domain/tunnel-spec.ts";
import { readTextIfExists } from "../../os/atomic-file.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import { knownHostKeys } from "../../ssh/formats/known-hosts.ts";
import { readIdentity } from "../../ssh/identity.ts";
import { type LoginPlan, planLogin } from "../../ssh/login-plan.ts";
import { connectSsh } from "../../streams/ssh-connection.ts";
import { isExpectedHostKey } from "../../streams/ssh-host-key.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import type { AppContext } from "../context.ts";
import { clientContext, connectShellBy, requireSshAccess, sshPortPair } from "../ssh/ssh-access.ts";
import type { ReachedRun } from "./doctor-run.ts";
import type { Examination } from "./examination.ts";

/** A login through a tunnel, server's DNS included. */
const LOGIN_TIMEOUT_S = 20;

/** Whether OpenSSH is there, and who else would be told of a run. */
export async function examineClients(context: AppContext, examination: Examination): Promise<void> {
  const clients = clientContext(context);
  await examination.look(
    "ssh-client",
    "ssh",
    async () => {
      const { code, stderr, stdout } = await clients.run(["ssh", "-V"]);
      if (code === 127) {
        throw new NotFoundError("The SSH client of OpenSSH is not installed", {
          code: "ssh-missing",
          hint: "Install it (openssh-client; on Windows: Settings, Optional features), or use PuTTY",
        });
      }
      const others: string[] = [];
      for (const client of context.sshClients) {
        if (client.name !== "OpenSSH" && (await client.isPresent(clients))) others.push(client.name);
      }
      const version = (stderr + stdout).trim().split("\n")[0] ?? "";
      return { value: true, message: [version, ...others].join("; ") };
    },
    true,
  );
}

/** What OpenSSH makes of a tunnel's alias, and whether the run shows a key that it knows. With `logIn`, OpenSSH itself
 * logs in and asks nothing. */
export async function examineAlias(
  record: TunnelRecord,
  logIn: boolean,
  context: AppContext,
  examination: Examination,
): Promise<void> {
  const { ssh, spec } = record;
  if (ssh === undefined) return;
  const folder = spec.ssh?.folder;
  const command = ["ssh", ...(folder === undefined ? [] : ["-F", join(folder, "config")])];
  const { run } = clientContext(context);
  const known = await examination.look("ssh-config", ssh.alias, async () => {
    const { code, stderr, stdout } = await run([...command, "-G", ssh.alias]);
    if (code !== 0) throw unreadable(ssh.alias, stderr);
    const value = parseSshSettings(stdout);
    requireOwnAddress(record, value);
    const { path } = await readIdentity(ssh.identityFile, context.system);
    return { value, message: `leads to ${value["hostname"]}:${value["port"]} as ${value["user"]} with ${path}` };
  });
  if (known === undefined) return;
  const isSame = await examination.look("ssh-host-key", ssh.alias, async () => {
    const key = await fetchHostKey(record, context);
    const keys = await readKnownKeys(known);
    if (!isExpectedHostKey(key, keys)) throw otherHostKey(ssh.alias, keys.length, record);
    return { value: true, message: "is the one that SSH knows" };
  });
  if (isSame !== true || !logIn) return;
  await examination.look("ssh-login", ssh.alias, async () => {
    const options = ["-o", "BatchMode=yes", "-o", `ConnectTimeout=${LOGIN_TIMEOUT_S}`];
    const { code, stderr } = await run([...command, ...options, ssh.alias, "exit 0"]);
    if (code !== 0) throw refusedLogin(stderr);
    return { value: true, message: `ssh ${ssh.alias} gets in and asks nothing` };
  });
}

/** Logs in as a start with `--ssh` would, where no tunnel has set SSH up. */
export async function examineLogin(
  { dialer, run }: ReachedRun,
  spec: TunnelSpec,
  context: AppContext,
  examination: Examination,
): Promise<void> {
  await examination.look("ssh-login", run.name, async () => {
    const access = requireSshAccess(run, spec);
    const plan = planLogin(access, spec.ssh?.users ?? [], spec.identity !== undefined);
    const login = await withOwnKey(plan, spec);
    const connect = connectShellBy(async () => dialer, sshPortPair(spec.ports).remote, spec.connectTimeoutMs);
    const connection = await connect(login, context.signal);
    connection.close();
    return { value: true, message: `${login.user} gets in${HOW[plan.kind]}` };
  });
}

const HOW: Readonly<Record<LoginPlan["kind"], string>> = {
  administrator: " with the login that the platform hands out",
  ready: " with the run's own key",
  own: " with your key",
};

async function withOwnKey(plan: LoginPlan, spec: TunnelSpec): Promise<LoginPlan["login"]> {
  if (plan.kind !== "own" || spec.identity === undefined) return plan.login;
  const text = await readTextIfExists(spec.identity);
  return text === undefined ? plan.login : { ...plan.login, privateKey: new Secret(text) };
}

/** The key that the run shows through the tunnel; the login that follows is broken off. */
async function fetchHostKey(record: TunnelRecord, context: AppContext): Promise<Uint8Array> {
  const { spec } = record;
  const { local } = sshPortPair(record.boundPorts ?? spec.ports);
  const endpoint = { host: connectHost(spec.listenAddress), port: local };
  const { signal } = context;
  const stream = await connectTcp(endpoint, { signal, timeoutMs: spec.connectTimeoutMs, hop: "local-port" });
  let seen: Uint8Array | undefined;
  try {
    const connection = await connectSsh(stream, {
      login: { user: record.ssh?.users[0] ?? "nobody" },
      readyTimeoutMs: spec.connectTimeoutMs,
      signal,
      verifyHostKey: (key) => {
        seen = key;
        return false;
      },
    });
    connection.close();
  } catch (error) {
    if (seen === undefined) throw error;
  }
  return seen ?? new Uint8Array();
}

async function readKnownKeys(settings: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const name = settings["hostkeyalias"] ?? settings["hostname"] ?? "";
  const keys: string[] = [];
  for (const file of splitWords(settings["userknownhostsfile"] ?? "")) {
    keys.push(...knownHostKeys((await readTextIfExists(file)) ?? "", name));
  }
  return keys;
}

/** What `ssh -G` prints: one setting a line, the first of a name counts. */
function parseSshSettings(text: string): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings[name.toLowerCase()] ??= value;
  }
  return settings;
}

/** Words of which some may stand in quotes. */
function splitWords(text: string): readonly string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

function requireOwnAddress(record: TunnelRecord, settings: Readonly<Record<string, string>>): void {
  const { local } = sshPortPair(record.boundPorts ?? record.spec.ports);
  const host = connectHost(record.spec.listenAddress);
  if (settings["port"] === String(local) && settings["hostname"] === host) return;
  throw new LocalError(
    `"ssh ${record.ssh?.alias}" leads to ${settings["hostname"]}:${settings["port"]}, not to the tunnel on ${host}:${local}`,
    {
      code: "ssh-config-differs",
      hop: "ssh-login",
      hint: "Another Host entry in your SSH configuration wins, or the client reads another file: see ssh -G and ssh -v",
    },
  );
}

function unreadable(alias: string, stderr: string): LocalError {
  return new LocalError(`OpenSSH cannot read what it should know of "${alias}": ${lastLine(stderr)}`, {
    code: "ssh-config-unreadable",
    hop: "ssh-login",
    hint: "Mend the line that it names in your SSH configuration",
  });
}

function otherHostKey(alias: string, known: number, record: TunnelRecord): AuthError {
  const what = known === 0 ? "SSH knows no key" : "The run shows another key than the one that SSH knows";
  return new AuthError(`${what} for "${alias}"`, {
    code: "host-key-mismatch",
    hop: "ssh-login",
    hint: `Set SSH up anew: runtunnel stop ${record.id}, then start it again with --ssh`,
  });
}

function refusedLogin(stderr: string): AuthError {
  return new AuthError(`OpenSSH does not get in: ${lastLine(stderr)}`, {
    code: "ssh-login-refused",
    hop: "ssh-login",
    hint: "See more with ssh -v, or set SSH up anew by stopping the tunnel and starting it with --ssh",
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
