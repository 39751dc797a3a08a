// `service install` and its companions: a supervisor under the system's service manager, and steering one that runs.
import { join } from "node:path";
import { ConflictError, LocalError, NotFoundError, UsageError } from "../../domain/errors.ts";
import { resolveFolders } from "../../os/paths.ts";
import { selfCommand } from "../../os/self.ts";
import type {
  ServiceDefinition,
  ServiceFile,
  ServiceManager,
  ServiceScope,
  ServiceStatus,
  ServiceTarget,
} from "../../os/services/service-manager.ts";
import type { AppContext } from "../context.ts";
import { askControl } from "../control/control-client.ts";
import { type Project, resolveProject } from "../project/project.ts";
import { readProjectSource } from "../project/project-source.ts";
import { heldEntries, listSupervisors, releaseEntry, type SupervisorState } from "./service-files.ts";

/** The service manager, for whoever only passes it on. */
export type ServiceHost = ServiceManager;

/** Which service is meant, and how it is to run. */
export type InstallOptions = {
  readonly name: string;
  readonly scope: ServiceScope;
  /** Absolute path of the file of tunnels. */
  readonly file: string;
  readonly load: (source: { readonly file: string; readonly text: string }) => Promise<Project>;
  readonly profile?: string;
  readonly logLevel?: string;
  readonly runAs?: string;
};

/** An installed service: its file and what the user should know. */
export type Installed = { readonly file: ServiceFile; readonly advice: readonly string[] };

/** A service as its manager and its supervisor tell. */
export type ServiceReport = {
  readonly manager?: ServiceStatus;
  readonly supervisor?: SupervisorState;
};

/** Reading a file and the first tries of new tunnels: what READY_PATIENCE_MS of service.ts allows, and a margin. */
const RELOAD_TIMEOUT_MS = 90_000;
/** Undoing what tunnels configured, after their connections are gone. */
const STOP_MARGIN_MS = 45_000;

/** The file that an install would write. Throws UsageError when the file of tunnels has mistakes. */
export async function previewService(
  options: InstallOptions,
  manager: ServiceManager,
  context: AppContext,
): Promise<ServiceFile> {
  return manager.file(await define(options, manager, context));
}

/** Installs and starts the service; over an installed one, replaces it. */
export async function installService(
  options: InstallOptions,
  manager: ServiceManager,
  context: AppContext,
): Promise<Installed> {
  const definition = await define(options, manager, context);
  await manager.install(definition);
  return { file: manager.file(definition), advice: manager.advice(definition) };
}

/** Stops the service and its tunnels, and leaves nothing of it; false when there was none. */
export async function uninstallService(
  target: ServiceTarget,
  file: string,
  manager: ServiceManager,
  context: AppContext,
): Promise<boolean> {
  const { installed } = await manager.status(target);
  if (!installed) return false;
  await stopService(target, file, undefined, manager, context);
  return manager.uninstall(target);
}

/** Starts an installed service; tunnels that were stopped by hand start too. */
export async function startService(
  target: ServiceTarget,
  file: string,
  manager: ServiceManager,
  context: AppContext,
): Promise<void> {
  await mustBeInstalled(target, manager);
  const source = await readProjectSource(file, context).catch(() => undefined);
  for (const [entry] of source === undefined ? [] : await heldEntries(source.file, context)) {
    await releaseEntry({ file: source?.file ?? file, entry }, context);
  }
  await manager.start(target);
}

/** Stops a service with its tunnels, installed or not; false when nothing ran. */
export async function stopService(
  target: ServiceTarget,
  file: string,
  timeoutMs: number | undefined,
  manager: ServiceManager,
  context: AppContext,
): Promise<boolean> {
  const status = await managerStatus(target, manager);
  const supervisor = await findSupervisor(file, context);
  if (supervisor !== undefined && (status?.running !== true || manager.name === "windows-task")) {
    // Windows ends tasks by ending their process: the supervisor must have stopped its tunnels before.
    const deadline = AbortSignal.timeout((timeoutMs ?? 0) + STOP_MARGIN_MS);
    const request = { kind: "stop", timeoutMs: timeoutMs ?? 10_000 } as const;
    await askControl(supervisor.control, request, deadline, (reply) => reply.kind === "stopped");
  }
  if (status?.running === true) await manager.stop(target);
  return status?.running === true || supervisor !== undefined;
}

/** Makes the supervisor read its file anew. Throws UsageError with what is wrong with the file. */
export async function reloadService(file: string, context: AppContext): Promise<SupervisorState> {
  const supervisor = await findSupervisor(file, context);
  if (supervisor === undefined) {
    throw new NotFoundError(`No service looks after "${file}"`, {
      code: "no-service",
      hint: 'Start one with "runtunnel service start" or "runtunnel service run", or name its file with --config',
    });
  }
  let mistake: string | undefined;
  const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(RELOAD_TIMEOUT_MS)]);
  await askControl(supervisor.control, { kind: "reload" }, deadline, (reply) => {
    if (reply.kind !== "reloaded") return false;
    mistake = reply.mistake;
    return true;
  });
  if (mistake !== undefined)
    throw new UsageError(mistake, { code: "reload-refused", hint: "Everything stays as it was" });
  return supervisor;
}

/** What the manager and the supervisor say. */
export async function reportService(
  target: ServiceTarget,
  file: string,
  manager: ServiceManager,
  context: AppContext,
): Promise<ServiceReport> {
  const status = await managerStatus(target, manager);
  const supervisor = await findSupervisor(file, context);
  return {
    ...(status === undefined ? {} : { manager: status }),
    ...(supervisor === undefined ? {} : { supervisor }),
  };
}

/** Where a supervisor logs that has no journal to write to. */
export function serviceLogFile(name: string, context: AppContext): string {
  return join(context.folders.state, "services", `${name}.log`);
}

async function define(
  options: InstallOptions,
  manager: ServiceManager,
  context: AppContext,
): Promise<ServiceDefinition> {
  const { logLevel, name, profile, runAs, scope } = options;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,60}$/.test(name)) {
    throw new UsageError(`"${name}" cannot be the name of a service`, { hint: "Use letters, digits, - and _" });
  }
  if (runAs !== undefined && scope === "user") {
    throw new UsageError("--run-as makes sense only with --system", { hint: "Add --system" });
  }
  const project = await options.load(await readProjectSource(options.file, context));
  const wanted = await resolveProject(project, context);
  const words = ["service", "run", "--config", project.file];
  if (profile !== undefined) words.push("--profile", profile);
  if (logLevel !== undefined) words.push("--log-level", logLevel);
  if (!manager.keepsLogs) words.push("--log-file", serviceLogFile(name, context));
  return {
    name,
    scope,
    description: `runtunnel: tunnels of ${project.file}`,
    command: [...selfCommand(), ...words],
    environment: folderVariables(context),
    ...(runAs === undefined ? {} : { runAs }),
    lowPorts: wanted.some(({ spec }) => spec.ports.some(({ local }) => local > 0 && local < 1024)),
  };
}

/** Variables that lead the service to the same folders as this shell, where they are not the usual ones. */
function folderVariables(context: AppContext): Readonly<Record<string, string>> {
  const { folders, system } = context;
  const usual = resolveFolders({ system, environment: {}, homeFolder: folders.home });
  return {
    ...(folders.state === usual.state ? {} : { RUNTUNNEL_STATE_DIR: folders.state }),
    ...(folders.config === usual.config ? {} : { RUNTUNNEL_CONFIG_DIR: folders.config }),
  };
}

async function mustBeInstalled(target: ServiceTarget, manager: ServiceManager): Promise<void> {
  const { installed } = await manager.status(target);
  if (installed) return;
  throw new NotFoundError(`There is no ${target.scope} service "${target.name}"`, {
    code: "no-service",
    hint: `Run: runtunnel service install${target.scope === "system" ? " --system" : ""}`,
  });
}

/** Undefined where no service manager runs: a supervisor may run all the same, in a terminal. */
async function managerStatus(target: ServiceTarget, manager: ServiceManager): Promise<ServiceStatus | undefined> {
  try {
    return await manager.status(target);
  } catch (error) {
    if (error instanceof LocalError) return undefined;
    throw error;
  }
}

/** The living supervisor of a file; without such a file, the only one there is. */
async function findSupervisor(file: string, context: AppContext): Promise<SupervisorState | undefined> {
  const supervisors = await listSupervisors(context);
  const source = await readProjectSource(file, context).catch(() => undefined);
  const own = supervisors.find((supervisor) => supervisor.file === (source?.file ?? file));
  if (own !== undefined || source !== undefined || supervisors.length < 2)
    return own ?? (source === undefined ? supervisors[0] : undefined);
  throw new ConflictError(`Several services run: ${supervisors.map((supervisor) => supervisor.file).join(", ")}`, {
    code: "several-services",
    hint: "Say which with --config FILE",
  });
}
