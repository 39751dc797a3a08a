// Where our files live on each system. Pure: text in, text out.
import { LocalError, UsageError } from "../domain/errors.ts";

/** Systems we know the customs of, as `process.platform` names them. */
export type System = "linux" | "darwin" | "win32";

/** Folders of one user; all absolute, none of them need exist. */
export type Folders = {
  /** Records, logs, locks. May lie on NFS. */
  readonly state: string;
  readonly config: string;
  readonly home: string;
  /** Where OpenSSH keeps the user's files. */
  readonly ssh: string;
};

/** What the folders depend on. */
export type FolderOptions = {
  readonly system: System;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
};

const NAME = "runtunnel";

/** Decides where state and configuration lie. Throws UsageError when a variable of ours holds a relative path, since a
 * working directory must not decide where records go. */
export function resolveFolders(options: FolderOptions): Folders {
  const home = trimSeparators(options.homeFolder, options.system);
  if (!isAbsolute(home, options.system)) {
    throw new LocalError(`Cannot find the home folder, "${options.homeFolder}" is not an absolute path`, {
      code: "no-home",
      hint: options.system === "win32" ? "Set USERPROFILE to your profile folder" : "Set HOME to your home folder",
    });
  }
  const usual = usualFolders(home, options);
  return {
    state: override("RUNTUNNEL_STATE_DIR", options) ?? usual.state,
    config: override("RUNTUNNEL_CONFIG_DIR", options) ?? usual.config,
    home,
    ssh: join(options.system, home, ".ssh"),
  };
}

function usualFolders(home: string, options: FolderOptions): { readonly state: string; readonly config: string } {
  const { system } = options;
  switch (system) {
    case "linux":
      return {
        state: join(system, baseFolder("XDG_STATE_HOME", options) ?? join(system, home, ".local", "state"), NAME),
        config: join(system, baseFolder("XDG_CONFIG_HOME", options) ?? join(system, home, ".config"), NAME),
      };
    case "darwin": {
      const support = join(system, home, "Library", "Application Support", NAME);
      return { state: join(system, support, "state"), config: support };
    }
    case "win32":
      return {
        state: join(system, baseFolder("LOCALAPPDATA", options) ?? join(system, home, "AppData", "Local"), NAME),
        config: join(system, baseFolder("APPDATA", options) ?? join(system, home, "AppData", "Roaming"), NAME),
      };
  }
}

/** A variable of the system. The XDG specification: a relative path is invalid and to be ignored. */
function baseFolder(name: string, options: FolderOptions): string | undefined {
  const value = findVariable(name, options);
  return value !== undefined && isAbsolute(value, options.system) ? trimSeparators(value, options.system) : undefined;
}

/** A variable of ours, where silence about a mistake would put files in a place nobody expects. */
function override(name: string, options: FolderOptions): string | undefined {
  const value = findVariable(name, options);
  if (value === undefined || isAbsolute(value, options.system)) {
    return value === undefined ? undefined : trimSeparators(value, options.system);
  }
  throw new UsageError(`Cannot use ${name}, "${value}" is not an absolute path`, {
    hint: `Set ${name} to a full path, for example ${join(options.system, options.homeFolder, NAME)}`,
  });
}

/** Windows does not tell apart upper and lower case in names of variables. Empty counts as not set. */
function findVariable(name: string, { system, environment }: FolderOptions): string | undefined {
  const key =
    system === "win32" ? Object.keys(environment).find((candidate) => candidate.toUpperCase() === name) : name;
  const value = key === undefined ? undefined : environment[key];
  return value === "" ? undefined : value;
}

function isAbsolute(path: string, system: System): boolean {
  return system === "win32" ? /^(?:[A-Za-z]:[\\/]|\\\\[^\\])/.test(path) : path.startsWith("/");
}

function trimSeparators(path: string, system: System): string {
  const trimmed = system === "win32" ? path.replace(/[\\/]+$/, "") : path.replace(/\/+$/, "");
  if (system === "win32") return /^[A-Za-z]:$/.test(trimmed) ? `${trimmed}\\` : trimmed;
  return trimmed === "" ? path.slice(0, 1) : trimmed;
}

function join(system: System, ...parts: readonly string[]): string {
  const separator = system === "win32" ? "\\" : "/";
  return parts.reduce((path, part) => (path.endsWith(separator) ? path + part : path + separator + part));
}
