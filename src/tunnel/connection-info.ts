// `info`: everything one needs to connect to a run by hand or from a program with windows.
import { NotFoundError } from "../domain/errors.ts";
import { replaceFile } from "../os/atomic-file.ts";
import type { TunnelRecord } from "../registry/record.ts";
import { renderFileZillaSites } from "../ssh/formats/filezilla-sites.ts";
import type { AppContext } from "./context.ts";
import { selectRecords } from "./selection.ts";
import { sshPortPair } from "./ssh-access.ts";

/** How to connect through a tunnel that is up. */
export type ConnectionInfo = {
  readonly run: string;
  readonly platform: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Alias that SSH clients know; absent where passwordless SSH is not set up. */
  readonly alias?: string;
  readonly identityFile?: string;
  readonly ppkFile?: string;
  readonly clients: readonly string[];
  readonly commands: {
    readonly ssh: string;
    readonly sftp: string;
    readonly upload: string;
    readonly download: string;
    readonly rsync: string;
  };
  readonly urls: { readonly ssh: string; readonly sftp: string; readonly vscode: string };
  readonly putty: readonly string[];
  readonly filezilla: readonly string[];
};

/** What was asked for. */
export type InfoOptions = { readonly run: string; readonly platform?: string };

/** Accounts by platform, where nobody has said another. */
const USUAL_USER: Readonly<Record<string, string>> = { "backend-ai": "work" };

/** The newest living tunnel to the run, in words for every client. Throws NotFoundError where there is none. */
export async function connectionInfo(options: InfoOptions, context: AppContext): Promise<ConnectionInfo> {
  const { records } = await context.registry.list();
  const living = selectRecords(records, options, context).filter(
    (record) => context.registry.liveness(record) === "alive" && record.state === "ready",
  );
  const record = living.findLast(({ ssh }) => ssh !== undefined) ?? living.at(-1);
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
function describeConnection(record: TunnelRecord): ConnectionInfo {
  const { ssh, spec } = record;
  const port = sshPortPair(record.boundPorts ?? spec.ports).local;
  const host = spec.listenAddress === "0.0.0.0" ? "127.0.0.1" : spec.listenAddress;
  const user = ssh?.users[0] ?? spec.ssh?.users[0] ?? USUAL_USER[spec.platform] ?? "root";
  const home = spec.platform === "backend-ai" ? "/home/work" : "~";
  return {
    run: record.runName,
    platform: spec.platform,
    host,
    port,
    user,
    ...(ssh === undefined ? {} : { alias: ssh.alias, identityFile: ssh.identityFile }),
    ...(ssh?.ppkFile === undefined ? {} : { ppkFile: ssh.ppkFile }),
    clients: ssh?.clients ?? [],
    commands: commands(record, { host, port, user }),
    urls: {
      ssh: `ssh://${user}@${host}:${port}`,
      sftp: `sftp://${user}@${host}:${port}`,
      vscode: `vscode://vscode-remote/ssh-remote+${ssh === undefined ? `${user}@${host}%3A${port}` : encodeURIComponent(ssh.alias)}${home === "~" ? "/" : home}`,
    },
    putty: puttySteps(record, { host, port, user }),
    filezilla: [
      `runtunnel info ${record.spec.run} --filezilla sites.xml`,
      "In FileZilla: File, Import, choose sites.xml; then File, Site Manager, and connect",
    ],
  };
}

type Account = { readonly host: string; readonly port: number; readonly user: string };

function commands(record: TunnelRecord, { host, port, user }: Account): ConnectionInfo["commands"] {
  const alias = record.ssh?.alias;
  // An own folder of OpenSSH's is read only when it is named.
  const folder = record.spec.ssh?.folder;
  const config = folder === undefined ? "" : ` -F ${quote(`${folder}/config`)}`;
  if (alias !== undefined) {
    return {
      ssh: `ssh${config} ${alias}`,
      sftp: `sftp${config} ${alias}`,
      upload: `scp${config} -r FILE ${alias}:PATH`,
      download: `scp${config} -r ${alias}:PATH .`,
      rsync: config === "" ? `rsync -av FOLDER/ ${alias}:PATH/` : `rsync -av -e "ssh${config}" FOLDER/ ${alias}:PATH/`,
    };
  }
  // Without --ssh nobody has pinned the host's key: OpenSSH asks once and remembers it under the run's name.
  const known = `-o HostKeyAlias=${record.runName}`;
  return {
    ssh: `ssh ${known} -p ${port} ${user}@${host}`,
    sftp: `sftp ${known} -P ${port} ${user}@${host}`,
    upload: `scp ${known} -P ${port} -r FILE ${user}@${host}:PATH`,
    download: `scp ${known} -P ${port} -r ${user}@${host}:PATH .`,
    rsync: `rsync -av -e "ssh ${known} -p ${port}" FOLDER/ ${user}@${host}:PATH/`,
  };
}

function puttySteps(record: TunnelRecord, { host, port, user }: Account): readonly string[] {
  const { ssh } = record;
  if (ssh?.clients.includes("PuTTY") === true) {
    return [
      `In PuTTY: choose the saved session "${ssh.alias}" and open it`,
      `plink -batch ${ssh.alias} hostname`,
      `pscp FILE ${ssh.alias}:PATH`,
    ];
  }
  const key = ssh?.ppkFile === undefined ? "" : `, Connection > SSH > Auth > Credentials: private key ${ssh.ppkFile}`;
  return [`In PuTTY: host name ${user}@${host}, port ${port}, SSH${key}`];
}

function quote(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}
