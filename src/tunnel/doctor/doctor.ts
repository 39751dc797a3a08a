// `doctor`: looks at every hop of the way to a run, or at this machine, with the code that a start uses, and says what is
// wrong, where, and what to do next. Changes nothing.
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { type Check, exitCodeOf } from "../../domain/check.ts";
import { LocalError, systemErrorCode } from "../../domain/errors.ts";
import type { PortPair } from "../../domain/ports.ts";
import type { TunnelSpec } from "../../domain/tunnel-spec.ts";
import { type AppContext, platformContext } from "../context.ts";
import { decidePorts } from "../decide-ports.ts";
import { identifyRun } from "../identify-run.ts";
import { type ListedTunnel, listTunnels } from "../list.ts";
import { getPlatform } from "../run-access.ts";
import { examineAccess, examineIdentity } from "./doctor-platform.ts";
import { examineWay } from "./doctor-run.ts";
import { examineAlias, examineClients, examineLogin } from "./doctor-ssh.ts";
import { examineFreePort, examineLocalPorts, tunnelCheck } from "./doctor-tunnel.ts";
import { Examination } from "./examination.ts";

/** What is looked at. */
export type DoctorOptions = {
  /** Version of this program, for the report. */
  readonly version: string;
  readonly configFile: string;
  /** How runs are reached; ports come from the tunnel, the words or the platform. */
  readonly spec: Omit<TunnelSpec, "platform" | "run" | "ports">;
  /** Absent: this machine. */
  readonly run?: string;
  readonly platform?: string;
  readonly remotePorts?: readonly number[];
  readonly localPorts?: readonly number[];
  readonly onCheck: (check: Check) => void;
};

/** What was found. */
export type Diagnosis = { readonly checks: readonly Check[]; readonly exitCode: number };

/** The port that is looked at where nobody names one. */
const SSH_PORT = 22;

/** Looks at a run or, without one, at the machine. */
export async function diagnose(options: DoctorOptions, context: AppContext): Promise<Diagnosis> {
  const examination = new Examination(
    context.clock,
    (what) => context.progress.update(`Looking at ${what}`),
    options.onCheck,
  );
  if (options.run === undefined) await examineMachine(options, context, examination);
  else await examineRun(options.run, options, context, examination);
  return { checks: examination.checks, exitCode: exitCodeOf(examination.checks) };
}

async function examineRun(
  name: string,
  options: DoctorOptions,
  context: AppContext,
  examination: Examination,
): Promise<void> {
  const reference = await examination.look("configuration", name, async () => {
    const value = await identifyRun(name, options.platform, context.platforms, await platformContext(context));
    const { title } = getPlatform(value.platform, context.platforms);
    return { value, message: `run ${value.id} on ${title}` };
  });
  if (reference === undefined) return;
  const platform = getPlatform(reference.platform, context.platforms);
  const { tunnels } = await listTunnels({ run: reference.id, platform: platform.name }, context);
  const ports = remotePorts(options, tunnels, () => decidePorts(NO_PORTS, platform));
  const spec: TunnelSpec = { ...options.spec, platform: platform.name, run: reference.id, ports };
  const asPlatform = await platformContext(context);
  const limits = { signal: context.signal, timeoutMs: spec.connectTimeoutMs };
  const isAliasKnown = tunnels.some(({ record }) => record.ssh !== undefined);
  if (
    (await examineAccess(platform, asPlatform, examination, limits)) &&
    (await examineIdentity(platform, asPlatform, examination, context.signal))
  ) {
    await examineWay(spec, context, examination, async (reached) => {
      if (spec.ssh !== undefined && !isAliasKnown) await examineLogin(reached, spec, context, examination);
    });
  }
  await examineLocalEnd(tunnels, options, context, examination);
}

const NO_PORTS = { spec: { ports: [] }, remotePortsGiven: false } as const;

/** Ports to try: those asked for, else those of the tunnels, else where the platform or custom expects SSH. */
function remotePorts(
  options: DoctorOptions,
  tunnels: readonly ListedTunnel[],
  byPlatform: () => readonly PortPair[],
): readonly PortPair[] {
  const ofTunnels = tunnels.flatMap(({ record }) => record.spec.ports.map(({ remote }) => remote));
  const numbers = options.remotePorts ?? [...new Set(ofTunnels)];
  if (numbers.length > 0) return numbers.map((remote) => ({ local: 0, remote }));
  return options.spec.app === undefined ? [{ local: 0, remote: SSH_PORT }] : byPlatform();
}

async function examineLocalEnd(
  tunnels: readonly ListedTunnel[],
  options: DoctorOptions,
  context: AppContext,
  examination: Examination,
): Promise<void> {
  const bound = tunnels.flatMap(({ record }) => (record.boundPorts ?? []).map(({ local }) => local));
  for (const port of options.localPorts ?? []) {
    if (port !== 0 && !bound.includes(port)) await examineFreePort(port, context, examination);
  }
  await examineClients(context, examination);
  for (const tunnel of tunnels) {
    examination.tell(tunnelCheck(tunnel, context.clock.now()));
    const isOpen = await examineLocalPorts(tunnel, context, examination);
    if (isOpen) await examineAlias(tunnel.record, options.spec.ssh !== undefined, context, examination);
  }
  if (tunnels.length > 0) return;
  examination.tell({
    name: "tunnel",
    subject: options.run ?? "",
    state: "skipped",
    message: "no tunnel to it runs here",
    hint: `runtunnel start ${options.run} -lp 0 -rp ${options.remotePorts?.[0] ?? SSH_PORT}`,
  });
}

async function examineMachine(options: DoctorOptions, context: AppContext, examination: Examination): Promise<void> {
  examination.tell({
    name: "version",
    subject: "runtunnel",
    state: "ok",
    message: `${options.version.replace(/^runtunnel /, "")}, ${context.system} ${process.arch}`,
  });
  const settings = await examination.look("configuration", options.configFile, async () => {
    const value = await context.configuration.load();
    const exists = (await modeOf(options.configFile)) !== undefined;
    return { value, message: exists ? "can be read" : "does not exist, and need not" };
  });
  await examineFiles(options, context, examination);
  if (settings !== undefined) await examinePlatforms(options, context, examination);
  await examineClients(context, examination);
  const { damaged, tunnels } = await listTunnels({}, context);
  for (const { message, path } of damaged) {
    examination.tell({
      name: "tunnel",
      subject: path,
      state: "warning",
      message,
      hint: "The next start sets it aside",
    });
  }
  for (const tunnel of tunnels) examination.tell(tunnelCheck(tunnel, context.clock.now()));
  if (tunnels.length > 0) return;
  examination.tell({ name: "tunnel", subject: "all", state: "skipped", message: "no tunnel runs here" });
}

async function examinePlatforms(options: DoctorOptions, context: AppContext, examination: Examination): Promise<void> {
  const asPlatform = await platformContext(context);
  const limits = { signal: context.signal, timeoutMs: options.spec.connectTimeoutMs };
  let configured = 0;
  for (const platform of context.platforms.filter(({ describeAccess }) => describeAccess !== undefined)) {
    if (!(await platform.isConfigured(asPlatform))) {
      examination.tell({ name: "platform", subject: platform.title, state: "skipped", message: "is not configured" });
      continue;
    }
    configured += 1;
    if (await examineAccess(platform, asPlatform, examination, limits)) {
      await examineIdentity(platform, asPlatform, examination, context.signal);
    }
  }
  if (configured > 0) return;
  examination.tell({
    name: "platform",
    subject: "all",
    state: "warning",
    message: "no platform is configured; plain hosts can be reached",
    hint: 'Run "runtunnel init" to set one up, or try "runtunnel sandbox -- bash"',
  });
}

/** The state folder must be ours to write, and nobody else's to read what is secret. */
async function examineFiles(options: DoctorOptions, context: AppContext, examination: Examination): Promise<void> {
  const { state } = context.folders;
  await examination.look("files", state, async () => {
    const mode = await modeOf(state);
    if (mode === undefined) return { value: true, message: "does not exist yet" };
    await access(state, constants.R_OK | constants.W_OK | constants.X_OK).catch((cause) => {
      throw new LocalError(`The state folder "${state}" cannot be written`, {
        code: "state-folder",
        hint: "Give the folder back to this account, or set RUNTUNNEL_STATE_DIR to another one",
        cause,
      });
    });
    return isPrivate(mode, context)
      ? { value: true, message: "is ours alone" }
      : { value: true, state: "warning", message: "can be read by others", hint: `chmod 700 '${state}'` };
  });
  const mode = await modeOf(options.configFile);
  if (mode === undefined || isPrivate(mode, context)) return;
  examination.tell({
    name: "files",
    subject: options.configFile,
    state: "warning",
    message: "can be read by others: no place for tokens and passwords",
    hint: `chmod 600 '${options.configFile}'`,
  });
}

function isPrivate(mode: number, context: AppContext): boolean {
  return context.system === "win32" || (mode & 0o077) === 0;
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mode;
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT" || systemErrorCode(cause) === "ENOTDIR") return undefined;
    throw new LocalError(`Cannot look at "${path}"`, { cause });
  }
}
