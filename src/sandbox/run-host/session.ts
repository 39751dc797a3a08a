// One SSH session of a run: environment, terminal, shell, command, file transfer.
import type { ServerChannel, Session } from "ssh2";
import type { Permissions } from "./authorized-keys.ts";
import type { CommandOptions, Commands, RunningCommand, TerminalSize } from "./commands.ts";
import { serveKeyScript } from "./key-script.ts";
import type { RunFolder } from "./run-folder.ts";
import { serveSftp } from "./sftp-server.ts";

/** What a session works with. */
export type SessionContext = {
  readonly account: string;
  readonly hostName: string;
  readonly folder: RunFolder;
  readonly permissions: Permissions;
  readonly commands: Commands;
  readonly environment: Readonly<Record<string, string>>;
};

/** Variables a client may set, as in a distribution's AcceptEnv. */
const ACCEPTED_VARIABLES = /^(?:LANG|LC_\w+|COLORTERM|NO_COLOR)$/;

/** Search path behind the run's own commands; sshd too has one of its own and does not hand on that of its parent. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Serves what the client asks for in one session. */
export function serveSession(session: Session, context: SessionContext): void {
  const { folder, commands, permissions } = context;
  const variables: Record<string, string> = {};
  let terminal: { readonly type: string; size: TerminalSize } | undefined;
  let running: RunningCommand | undefined;
  session.on("env", (accept, reject, info) => {
    if (!ACCEPTED_VARIABLES.test(info.key)) return reject?.();
    variables[info.key] = info.val;
    accept?.();
  });
  session.on("pty", (accept, reject, info) => {
    // There is no terminal to be had on Windows; the session goes on without one.
    if (!permissions.pty || process.platform === "win32") return reject?.();
    terminal = { type: info.term || "vt100", size: toSize(info) };
    accept?.();
  });
  session.on("window-change", (_accept, _reject, info) => {
    if (terminal !== undefined) terminal.size = toSize(info);
    running?.resize(toSize(info));
  });
  session.on("signal", (accept, _reject, info) => {
    running?.signal(info.name);
    accept?.();
  });
  const start = (channel: ServerChannel, asked: string | undefined): void => {
    const command = permissions.command ?? asked;
    const options: CommandOptions = {
      command: command === undefined ? undefined : folder.rewrite(command),
      workingFolder: folder.homeOf(context.account),
      environment: { ...makeEnvironment(context), ...variables },
      channel,
      rewrite: (text) => folder.rewrite(text),
    };
    running =
      terminal === undefined
        ? commands.start(options)
        : commands.startInTerminal(options, terminal.type, terminal.size);
  };
  session.on("exec", (accept, _reject, info) => {
    const isScript = process.platform === "win32" && info.command === "sh" && permissions.command === undefined;
    if (isScript) serveKeyScript(accept(), folder);
    else start(accept(), info.command);
  });
  session.on("shell", (accept) => start(accept(), undefined));
  session.on("subsystem", (accept, reject, info) => {
    if (info.name !== "sftp") return reject?.();
    serveSftp(accept(), folder, folder.homeOf(context.account));
  });
}

function toSize(info: { readonly cols: number; readonly rows: number }): TerminalSize {
  // A client without a window of its own says 0.
  return { columns: info.cols || 80, rows: info.rows || 24 };
}

function makeEnvironment(context: SessionContext): Record<string, string> {
  const { folder, account, hostName } = context;
  const root = folder.root;
  const base = context.environment;
  return {
    ...base,
    PATH: process.platform === "win32" ? (base["PATH"] ?? "") : `${root}/bin:${base["PATH"] ?? SYSTEM_PATH}`,
    HOME: folder.homeOf(account),
    USER: account,
    LOGNAME: account,
    SHELL: "/bin/sh",
    HOSTNAME: hostName,
    RUN_ROOT: root,
    COMMON: `${root}/common`,
    PS1: `[\\u@${hostName} \\W]# `,
  };
}
