// What to do in which program to connect, for the connection dialog. Pure.
import type { Connection } from "../domain/connection.ts";

/** One program with its steps. */
export type ProgramSteps = { readonly program: string; readonly steps: readonly string[] };

/** Where the walk-through keeps the key that was saved. */
export const SAVED_KEY = "~/.ssh/id_container";

/** Command lines with their titles. Without passwordless SSH a saved key is named, where there is one to save. */
export function commandLines(info: Connection, hasKey: boolean): readonly (readonly [string, string])[] {
  const needsKey = info.alias === undefined && hasKey;
  const { download, rsync, sftp, ssh, upload } = info.commands;
  const withKey = (command: string): string =>
    needsKey ? command.replace(/^(ssh|sftp|scp)|"ssh/, (program) => `${program} -i ${SAVED_KEY}`) : command;
  return [
    ["Shell", withKey(ssh)],
    ["Files, interactive", withKey(sftp)],
    ["Copy there", withKey(upload)],
    ["Copy back", withKey(download)],
    ["Keep folders alike", withKey(rsync)],
  ];
}

/** Steps for programs with windows. */
export function programSteps(info: Connection, hasKey: boolean): readonly ProgramSteps[] {
  return [
    { program: "VS Code", steps: codeSteps(info, hasKey) },
    { program: "FileZilla", steps: fileZillaSteps(info, hasKey) },
    { program: "PuTTY", steps: puttySteps(info, hasKey) },
    { program: "WinSCP", steps: winScpSteps(info, hasKey) },
  ];
}

function codeSteps({ alias, commands }: Connection, hasKey: boolean): readonly string[] {
  const extension = "Install the extension Remote - SSH once.";
  if (alias !== undefined) {
    return [
      extension,
      `Press the button above, or in the command palette choose Remote-SSH: Connect to Host and then ${alias}.`,
    ];
  }
  const command = hasKey ? commands.ssh.replace(/^ssh/, `ssh -i ${SAVED_KEY}`) : commands.ssh;
  return [
    extension,
    ...(hasKey ? [`Save the key as ${SAVED_KEY}.`] : []),
    `In the command palette choose Remote-SSH: Add New SSH Host and enter: ${command}`,
  ];
}

function fileZillaSteps(
  { alias, host, identityFile, port, ppkFile, user }: Connection,
  hasKey: boolean,
): readonly string[] {
  const isKeyKnown = ppkFile !== undefined || identityFile !== undefined;
  const site = alias === undefined ? "the new site" : `the site ${alias}`;
  const key =
    isKeyKnown || !hasKey ? [] : ["In the Site Manager choose logon type Key file, and the saved id_container.ppk."];
  return [
    "Save the site file with the button above.",
    "In FileZilla choose File, Import, and that file.",
    ...key,
    `Choose File, Site Manager, ${site}, and Connect. By hand: protocol SFTP, host ${host}, port ${port}, user ${user}.`,
  ];
}

function puttySteps({ alias, clients, host, port, user }: Connection, hasKey: boolean): readonly string[] {
  if (alias !== undefined && clients.includes("PuTTY")) {
    return [`Choose the saved session ${alias} and open it. plink, pscp and psftp know the same name.`];
  }
  return [
    `Host name ${user}@${host}, port ${port}, connection type SSH.`,
    ...(hasKey ? ["Save the key as PPK; under Connection, SSH, Auth, Credentials choose it as private key."] : []),
    "Open.",
  ];
}

function winScpSteps({ host, port, user }: Connection, hasKey: boolean): readonly string[] {
  return [
    `New site: file protocol SFTP, host name ${host}, port ${port}, user name ${user}.`,
    ...(hasKey ? ["Save the key as PPK; under Advanced, SSH, Authentication choose it as private key file."] : []),
    "Login.",
  ];
}
