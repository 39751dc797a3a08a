// The runs of the sandbox: one for every state a client must cope with, as data that commands change while it runs.
import { UsageError } from "../../domain/errors.ts";
import type { SandboxUser } from "./tokens.ts";

/** States of a run, as the API spells them. */
const RUN_STATUSES = ["RUNNING", "PAUSING", "PAUSED", "RESUMING", "STOPPED", "SUCCESS", "FAILURE"] as const;

export type RunStatus = (typeof RUN_STATUSES)[number];

/** Reads a state as commands name it. */
export function parseRunStatus(word = ""): RunStatus {
  const status = RUN_STATUSES.find((known) => known === word.toUpperCase());
  if (status !== undefined) return status;
  throw new UsageError(`Cannot read run state "${word}"`, { hint: `States are ${RUN_STATUSES.join(", ")}` });
}

/** One run as the platform's database knows it. Replaced as a whole when it changes. */
export type SandboxRun = {
  readonly id: number;
  readonly status: RunStatus;
  readonly owner: string;
  readonly podIp: string | undefined;
  readonly nodeIp: string | undefined;
  readonly sshPassword: string;
  readonly platform: "linux" | "windows";
  readonly sensitive: boolean;
  /** Status of the task InitializeEnvironment; undefined when it is not there yet. */
  readonly initialization: string | undefined;
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  readonly shares: readonly { readonly name: string; readonly accessType: "ENDPOINT" | "SSH" }[];
};

/** The owner of most runs and bearer of the exported token. */
export const USER: SandboxUser = {
  id: 1,
  name: "USER@corp.example",
  admin: false,
  groups: ["SCIENTISTS"],
  roles: [{ id: 2, name: "ROLE_USER" }],
};

/** May see and do everything. */
export const ADMIN: SandboxUser = {
  id: 2,
  name: "ADMIN@corp.example",
  admin: true,
  groups: [],
  roles: [
    { id: 1, name: "ROLE_ADMIN" },
    { id: 2, name: "ROLE_USER" },
  ],
};

/** Owns the runs that USER does not. */
export const FRIEND: SandboxUser = { ...USER, id: 3, name: "FRIEND@corp.example", groups: [] };

const USERS = [USER, ADMIN, FRIEND];

/** Finds a user by the name in a token. */
export function findUser(name: string): SandboxUser | undefined {
  return USERS.find((user) => user.name === name);
}

/** What a user may do with a run, weakest first. */
export type RunAccess = "none" | "view" | "ssh";

/** Owners and administrators may everything; others what the run's shares say. */
export function decideAccess(run: SandboxRun, user: SandboxUser): RunAccess {
  if (user.admin || run.owner === user.name) return "ssh";
  const shares = run.shares.filter((share) => share.name === user.name || user.groups.includes(share.name));
  if (shares.some((share) => share.accessType === "SSH")) return "ssh";
  return shares.length > 0 ? "view" : "none";
}

/** The login name that belongs to a platform user: `USER` for `USER@corp.example`. */
export function loginName(user: string): string {
  return user.replace(/@.*$/s, "");
}

/** The password that opens root's login on a run: its own, or its parent's where users are shared. */
export function findRootPassword(runs: RunBook, run: SandboxRun): string {
  const parent = findParameter(run, "parent-id");
  const shared = findParameter(run, "CP_CAP_SHARE_USERS") === "true";
  return (shared && parent !== undefined ? runs.find(Number(parent))?.sshPassword : undefined) ?? run.sshPassword;
}

/** The value of a run's parameter. */
function findParameter(run: SandboxRun, name: string): string | undefined {
  return run.parameters.find((parameter) => parameter.name === name)?.value;
}

/** All runs, by id and by the address of their pod. */
export class RunBook {
  readonly #runs = new Map<number, SandboxRun>();

  constructor() {
    for (const run of makeRuns()) this.#runs.set(run.id, run);
  }

  all(): readonly SandboxRun[] {
    return [...this.#runs.values()];
  }

  find(id: number): SandboxRun | undefined {
    return this.#runs.get(id);
  }

  /** The run as commands name it. Throws UsageError for a run that is not there. */
  get(id: number): SandboxRun {
    const run = this.#runs.get(id);
    if (run === undefined) {
      throw new UsageError(`The sandbox has no run ${id}`, {
        hint: `Its runs are ${[...this.#runs.keys()].join(", ")}`,
      });
    }
    return run;
  }

  /** The running run behind a pod address; addresses of runs that ended lead nowhere. */
  findByPod(podIp: string): SandboxRun | undefined {
    return this.all().find((run) => run.podIp === podIp && run.status === "RUNNING");
  }

  update(id: number, changes: Partial<Omit<SandboxRun, "id">>): SandboxRun {
    const run = { ...this.get(id), ...changes };
    this.#runs.set(id, run);
    return run;
  }

  /** Gives the run a pod of a new address, as after pause and resume; an address given must be free. */
  movePod(id: number, podIp: string | undefined): SandboxRun {
    const taken = new Set(this.all().map((run) => run.podIp));
    if (podIp !== undefined && taken.has(podIp)) throw new UsageError(`Pod address ${podIp} is taken`);
    return this.update(id, { podIp: podIp ?? firstFreePod(taken) });
  }
}

/** Pods that moved live in their own network, so that a moved address is seen at a glance. */
function firstFreePod(taken: ReadonlySet<string | undefined>): string {
  for (let number = 1; ; number += 1) {
    const address = `10.244.${200 + Math.floor(number / 250)}.${(number % 250) + 1}`;
    if (!taken.has(address)) return address;
  }
}

function makeRuns(): readonly SandboxRun[] {
  const shared = { owner: FRIEND.name };
  return [
    makeRun(1001, {}),
    makeRun(1002, { sensitive: true }),
    makeRun(1003, { initialization: "RUNNING" }),
    makeRun(1004, { status: "PAUSED" }),
    makeRun(1005, { parameters: [{ name: "CP_CAP_SSH_MODE", value: "owner" }] }),
    makeRun(1006, {
      parameters: [
        { name: "parent-id", value: "1001" },
        { name: "CP_CAP_SHARE_USERS", value: "true" },
      ],
    }),
    makeRun(1007, { nodeIp: undefined }),
    makeRun(1008, { podIp: undefined }),
    makeRun(1009, { initialization: undefined }),
    makeRun(1010, { initialization: "FAILURE" }),
    makeRun(1011, { ...shared, shares: [{ name: USER.name, accessType: "ENDPOINT" }] }),
    makeRun(1012, { platform: "windows" }),
    makeRun(1013, { status: "STOPPED" }),
    makeRun(1014, { status: "SUCCESS" }),
    makeRun(1015, shared),
    makeRun(1016, { parameters: [{ name: "CP_CAP_SSH_MODE", value: "user" }] }),
    makeRun(1017, { ...shared, shares: [{ name: USER.name, accessType: "SSH" }] }),
    makeRun(1018, { status: "FAILURE" }),
    makeRun(56819, {}),
    makeRun(75376, {}),
  ];
}

function makeRun(id: number, differences: Partial<SandboxRun>): SandboxRun {
  return {
    id,
    status: "RUNNING",
    owner: USER.name,
    podIp: `10.244.${Math.floor(id / 1000) % 200}.${(id % 250) + 1}`,
    nodeIp: "10.0.0.1",
    sshPassword: `password-of-${id}`,
    platform: "linux",
    sensitive: false,
    initialization: "SUCCESS",
    parameters: [],
    shares: [],
    ...differences,
  };
}
