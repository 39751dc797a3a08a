// `info`: everything one needs to connect to a run by hand or from a program with windows.
import type { Connection } from "../domain/connection.ts";
import { connectHost, formatEndpoint, formatHost } from "../domain/endpoint.ts";
import { NotFoundError } from "../domain/errors.ts";
import { replaceFile } from "../os/atomic-file.ts";
import type { TunnelRecord } from "../registry/record.ts";
import { renderFileZillaSites } from "../ssh/formats/filezilla-sites.ts";
import type { AppContext } from "./context.ts";
import { selectRecords } from "./selection.ts";
import { sshPortPair } from "./ssh/ssh-access.ts";

/** How to connect through a tunnel that is up. */
export type ConnectionInfo = Connection & {
  readonly run: string;
  readonly platform: string;
  /** Fetches the key that the commands name; absent where passwordless SSH has made one, or the platform hands out none. */
  readonly getKey?: string;
  readonly putty: readonly string[];
  readonly filezilla: readonly string[];
};

/** What was asked for. */
export type InfoOptions = { readonly run: string; readonly platform?: string };

/** What a platform's runs have in common, where nobody has said otherwise. */
type Habits = {
  readonly user: string;
  /** Folder that VS Code opens. */
  readonly home: string;
  /** Name of the key that the platform hands out. */
  readonly keyFile?: string;
};

const USUAL: Habits = { user: "root", home: "/" };
const HABITS: Readonly<Record<string, Habits>> = {
  "backend-ai": { user: "work", home: "/home/work", keyFile: "id_container" },
};

/** The newest living tunnel to the run, in words for every client. Throws NotFoundError where there is none. */
export async function connectionInfo(options: InfoOptions, context: AppContext): Promise<ConnectionInfo> {
  const { records } = await context.registry.list();
  const living = selectRecords(records, options, context).filter(
    (record) => context.registry.liveness(record) === "alive" && record.state === "ready",
  );
  const record = living.findLast(({ ssh }) => ssh !== undefined) ?? living.findLast(leadsToSsh) ?? living.at(-1);
  if (record === undefined) {
    throw new NotFoundError(`There is no tunnel to "${options.run}" to connect through`, {
      code: "no-tunnel",
      hint: `Start one: runtunnel start ${options.run} -lp 0 -rp 22 --ssh`,
    });
  }
  return describeConnection(record);
}

/** Writes an importable Site Manager file. */
export async function writeFileZillaFile(path: string, info: ConnectionInfo): Promise<void> {
  await replaceFile(path, renderFileZillaFile(info), { mode: 0o600 });
}

/** The text of a Site Manager file that FileZilla imports. */
export function renderFileZillaFile(info: ConnectionInfo): string {
  const { host, identityFile, port, ppkFile, run, user } = info;
  const keyFile = ppkFile ?? identityFile;
  const site = { name: info.alias ?? run, host, port, user, ...(keyFile === undefined ? {} : { keyFile }) };
  return renderFileZillaSites([site]);
}

/** Pure: a record in words. */
export function describeConnection(record: TunnelRecord): ConnectionInfo {
  const { ssh, spec } = record;
  const habits = HABITS[spec.platform] ?? USUAL;
  const account: Account = {
    host: connectHost(spec.listenAddress),
    port: sshPortPair(record.boundPorts ?? spec.ports).local,
    user: ssh?.users[0] ?? spec.ssh?.users[0] ?? habits.user,
    ...(ssh !== undefined || habits.keyFile === undefined ? {} : { keyFile: habits.keyFile }),
  };
  const { host, port, user } = account;
  const address = formatEndpoint({ host, port });
  const remote = ssh === undefined ? `${user}@${encodeURIComponent(address)}` : encodeURIComponent(ssh.alias);
  return {
    run: record.runName,
    platform: spec.platform,
    host,
    port,
    user,
    ...(ssh === undefined ? {} : { alias: ssh.alias, identityFile: ssh.identityFile }),
    ...(ssh?.ppkFile === undefined ? {} : { ppkFile: ssh.ppkFile }),
    clients: ssh?.clients ?? [],
    commands: commands(record, account),
    urls: {
      ssh: `ssh://${user}@${address}`,
      sftp: `sftp://${user}@${address}`,
      vscode: `vscode://vscode-remote/ssh-remote+${remote}${habits.home}`,
    },
    ...(account.keyFile === undefined ? {} : { getKey: `runtunnel key ${spec.run} -o ${account.keyFile}` }),
    putty: puttySteps(record, account),
    filezilla: fileZillaSteps(record, account),
  };
}

/** Whether one of the tunnel's ports is SSH's. */
function leadsToSsh({ spec }: TunnelRecord): boolean {
  return spec.app === "sshd" || spec.ports.some(({ remote }) => remote === 22);
}

type Account = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Where the user is told to put the key that the platform hands out. */
  readonly keyFile?: string;
};

function commands(record: TunnelRecord, account: Account): ConnectionInfo["commands"] {
  const alias = record.ssh?.alias;
  if (alias === undefined) return commandsByAddress(record, account);
  // An own folder of OpenSSH's is read only when it is named.
  const folder = record.spec.ssh?.folder;
  const config = folder === undefined ? "" : ` -F ${quote(`${folder}/config`)}`;
  return {
    ssh: `ssh${config} ${alias}`,
    sftp: `sftp${config} ${alias}`,
    upload: `scp${config} -r FILE ${alias}:PATH`,
    download: `scp${config} -r ${alias}:PATH .`,
    rsync: config === "" ? `rsync -av FOLDER/ ${alias}:PATH/` : `rsync -av -e "ssh${config}" FOLDER/ ${alias}:PATH/`,
  };
}

function commandsByAddress(record: TunnelRecord, { host, keyFile, port, user }: Account): ConnectionInfo["commands"] {
  // Without --ssh nobody has pinned the host's key. OpenSSH asks once and remembers it under the run's name, but where each
  // new session of a name has a new one: there it asks nothing, as the platform's own dialog has it.
  const options =
    keyFile === undefined
      ? `-o HostKeyAlias=${record.runName}`
      : `-i ${keyFile} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null`;
  const remote = `${user}@${formatHost(host)}`;
  return {
    ssh: `ssh ${options} -p ${port} ${user}@${host}`,
    sftp: `sftp ${options} -P ${port} ${remote}`,
    upload: `scp ${options} -P ${port} -r FILE ${remote}:PATH`,
    download: `scp ${options} -P ${port} -r ${remote}:PATH .`,
    rsync: `rsync -av -e "ssh ${options} -p ${port}" FOLDER/ ${remote}:PATH/`,
  };
}

function puttySteps({ spec, ssh }: TunnelRecord, { host, keyFile, port, user }: Account): readonly string[] {
  if (ssh?.clients.includes("PuTTY") === true) {
    return [
      `In PuTTY: choose the saved session "${ssh.alias}" and open it`,
      `plink -batch ${ssh.alias} hostname`,
      `pscp FILE ${ssh.alias}:PATH`,
    ];
  }
  const ppk = ssh?.ppkFile ?? (keyFile === undefined ? undefined : `${keyFile}.ppk`);
  const key = ppk === undefined ? "" : `, Connection > SSH > Auth > Credentials: private key ${ppk}`;
  return [
    ...(keyFile === undefined ? [] : [`runtunnel key ${spec.run} -o ${keyFile}.ppk`]),
    `In PuTTY: host name ${user}@${host}, port ${port}, SSH${key}`,
  ];
}

function fileZillaSteps({ spec }: TunnelRecord, { keyFile }: Account): readonly string[] {
  return [
    ...(keyFile === undefined
      ? []
      : [
          `runtunnel key ${spec.run} -o ${keyFile}.ppk`,
          `In FileZilla: Edit, Settings, Connection, SFTP, Add key file, choose ${keyFile}.ppk`,
        ]),
    `runtunnel info ${spec.run} --filezilla sites.xml`,
    "In FileZilla: File, Import, choose sites.xml; then File, Site Manager, and connect",
  ];
}

function quote(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}
