// Passwordless SSH of one tunnel: set up when it starts, set up anew when another machine answers for the run.
import { connectHost } from "../../domain/endpoint.ts";
import { AuthError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { SshSpec } from "../../domain/tunnel-spec.ts";
import { readTextIfExists } from "../../os/atomic-file.ts";
import type { ResolvedRun } from "../../platforms/platform.ts";
import { formatHostKey } from "../../ssh/formats/host-key.ts";
import { decodeJournal } from "../../ssh/journal.ts";
import { setUpPasswordless } from "../../ssh/passwordless.ts";
import type { ConnectShell } from "../../ssh/remote/remote-shell.ts";
import { undoPasswordless } from "../../ssh/undo-passwordless.ts";
import type { AppContext } from "../context.ts";
import type { LiveRoute } from "../live-route.ts";
import type { OwnRecord } from "../own-record.ts";
import { clientContext, connectShellBy, requireSshAccess, sshPortPair } from "./ssh-access.ts";

/** Lets the user's SSH clients into the run and tells them about it; returns warnings. What was begun stands in the
 * record's journal, also when this throws. */
export async function setUpSsh(
  run: ResolvedRun,
  ssh: SshSpec,
  record: OwnRecord,
  route: LiveRoute,
  context: AppContext,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { id, spec, boundPorts } = record.value;
  const { local, remote } = sshPortPair(boundPorts ?? spec.ports);
  const result = await setUpPasswordless(
    {
      alias: ssh.alias ?? run.name,
      tag: { run: run.name, workstation: context.processes.machine(), id },
      address: connectHost(spec.listenAddress),
      port: local,
      sshFolder: ssh.folder ?? context.folders.ssh,
      accounts: ssh.users,
      access: requireSshAccess(run, spec),
      ...(spec.identity === undefined ? {} : { identity: spec.identity }),
    },
    {
      ...clientContext(context),
      clients: context.sshClients,
      connect: connectShellBy(async () => (await route.get()).dialer, remote, spec.connectTimeoutMs),
      userName: context.processes.currentUser(),
      journal: (entry) => record.update({ journal: [...record.value.journal, entry] }),
      log: context.log,
      signal,
    },
  );
  const { alias, clients, identityFile, ppkFile, users } = result;
  const hostKeys = result.hostKeys.map(formatHostKey);
  await record.update({
    ssh: { alias, clients, identityFile, users, hostKeys, ...(ppkFile === undefined ? {} : { ppkFile }) },
  });
  return result.notes;
}

/** What became of passwordless SSH when another machine began to answer. */
export type Renewal = "kept" | "renewed";

/** The same for a run behind which another machine answers now: the old one's host keys and our key there are history,
 * unless it has the old one's disk, as resumed runs do. Throws while the new machine lets nobody in. */
export async function renewSsh(
  run: ResolvedRun,
  ssh: SshSpec,
  record: OwnRecord,
  route: LiveRoute,
  context: AppContext,
  signal: AbortSignal,
): Promise<Renewal> {
  const { spec, boundPorts } = record.value;
  const { remote } = sshPortPair(boundPorts ?? spec.ports);
  const connect = connectShellBy(async () => (await route.get()).dialer, remote, spec.connectTimeoutMs);
  // First of all, and what is there stays until it is answered: a client is better told that nothing answers than that
  // there is no such name.
  if (await stillWorks(record, connect, signal)) return "kept";
  const login = run.ssh?.administrator ?? run.ssh?.ready;
  const { failed } = await undoPasswordless(decodeJournal(record.value.journal), {
    ...clientContext(context),
    clients: context.sshClients,
    signal,
    ...(login === undefined ? {} : { connectAgain: (bounded) => connect(login, bounded) }),
  });
  await record.update({ journal: failed.map(({ entry }) => entry) });
  for (const note of await setUpSsh(run, ssh, record, route, context, signal)) context.log.warning(note);
  return "renewed";
}

/** Whether our key opens the account and the host key is one that the clients know. */
async function stillWorks({ value: { ssh } }: OwnRecord, connect: ConnectShell, signal: AbortSignal): Promise<boolean> {
  const [user] = ssh?.users ?? [];
  const identity = ssh === undefined ? undefined : await readTextIfExists(ssh.identityFile);
  if (user === undefined || identity === undefined || ssh?.hostKeys === undefined) return false;
  try {
    const login = { user, privateKey: new Secret(identity), hostKeys: ssh.hostKeys };
    (await connect(login, signal)).close();
    return true;
  } catch (error) {
    if (error instanceof AuthError && (error.hop === "ssh-login" || error.hop === "ssh-key")) return false;
    throw error;
  }
}
