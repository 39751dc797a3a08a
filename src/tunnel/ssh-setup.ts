// Passwordless SSH of one tunnel: set up when it starts, set up anew when another machine answers for the run.
import { connectHost } from "../domain/endpoint.ts";
import type { SshSpec } from "../domain/tunnel-spec.ts";
import type { ResolvedRun } from "../platforms/platform.ts";
import { decodeJournal } from "../ssh/journal.ts";
import { setUpPasswordless } from "../ssh/passwordless.ts";
import { undoPasswordless } from "../ssh/undo-passwordless.ts";
import type { AppContext } from "./context.ts";
import type { LiveRoute } from "./live-route.ts";
import type { OwnRecord } from "./own-record.ts";
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
  await record.update({
    ssh: { alias, clients, identityFile, users, ...(ppkFile === undefined ? {} : { ppkFile }) },
  });
  return result.notes;
}

/** The same for a run behind which another machine answers now: the old one's host keys and our key there are history. */
export async function renewSsh(
  run: ResolvedRun,
  ssh: SshSpec,
  record: OwnRecord,
  route: LiveRoute,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const old = decodeJournal(record.value.journal);
  await undoPasswordless(old, { ...clientContext(context), clients: context.sshClients, signal });
  await record.update({ journal: [] });
  for (const note of await setUpSsh(run, ssh, record, route, context, signal)) context.log.warning(note);
}
