// The few REST calls that a tunnel needs.
import { AuthError, NotFoundError, UnreachableError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { HttpClient } from "../http-client.ts";
import { decodeMember, decodePayload, decodeRun, decodeTasks, decodeText, findEnvelopeError } from "./api-decoders.ts";
import { edgeUrlPath } from "./edge.ts";
import type { Run, RunTask } from "./run-model.ts";
import { decodeRunPage, type RunPage } from "./run-page.ts";

const ROOT_PREFERENCE = "system.ssh.default.root.user.enabled";

/** Which runs a page is of; pages count from 1. */
export type RunFilter = {
  readonly statuses: readonly string[];
  readonly owners?: readonly string[];
  readonly page: number;
  readonly pageSize: number;
};

/** The calls; every one throws AppErrors that name what was asked. */
export interface CloudPipelineApi {
  loadRun(id: string): Promise<Run>;
  loadTasks(id: string): Promise<readonly RunTask[]>;
  /** One page of runs that a filter finds (`filter`), or of running ones that others share with us (`shared`). */
  loadPage(kind: "filter" | "shared", filter: RunFilter): Promise<RunPage>;
  /** Address of EDGE, undefined where the platform knows none. */
  findEdgeUrl(region: string | undefined): Promise<string | undefined>;
  /** Our own user name. */
  whoAmI(): Promise<string>;
  /** Value of the preference that decides on root logins. */
  findRootPreference(): Promise<string | undefined>;
  /** The server's time in its last answer, milliseconds since 1970; undefined where it told none. */
  serverTimeMs(): number | undefined;
  /** A token of another user (administrators). */
  makeTokenOf(user: string): Promise<Secret>;
}

/** The calls with one token; `signal` ends them all. */
export function createApi(client: HttpClient, token: Secret, signal: AbortSignal): CloudPipelineApi {
  let serverTimeMs: number | undefined;
  const ask = async (path: string, action: string, body?: unknown): Promise<unknown> => {
    const answer = await client.request({
      path,
      // Questions with a body change nothing either.
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body), repeatable: true }),
      signal,
      secrets: [token],
      headers: () => ({ Authorization: `Bearer ${token.reveal()}`, "Content-Type": "application/json" }),
      explain: ({ status, body }) =>
        status === 401 || status === 403 ? undefined : findEnvelopeError(body, action, [token]),
    });
    const date = Date.parse(answer.headers.get("Date") ?? "");
    if (!Number.isNaN(date)) serverTimeMs = date;
    return decodePayload(answer.body, action);
  };
  return {
    loadRun: (id) => loadRun(ask, id),
    loadTasks: async (id) => {
      const action = `Cannot load the tasks of run ${id}`;
      return decodeTasks(await ask(`run/${id}/tasks`, action), action);
    },
    loadPage: async (kind, filter) => {
      const action = "Cannot list your runs";
      // What the platform's own client sends: without these two the answer is larger and slower.
      const body = { ...filter, userModified: false, eagerGrouping: false };
      return decodeRunPage(await ask(kind === "filter" ? "run/filter" : "services", action, body), action);
    },
    findEdgeUrl: async (region) => {
      const action = "Cannot find the EDGE proxy";
      return decodeText(await ask(edgeUrlPath(region), action), action);
    },
    whoAmI: async () => {
      const action = "Cannot find out our own user name";
      const name = decodeMember(await ask("whoami", action), "userName", action);
      if (name === undefined) throw new UnreachableError(`${action}: Cloud Pipeline names none`, { hop: "api" });
      return name;
    },
    findRootPreference: async () => {
      const action = "Cannot read the preference for root logins";
      return decodeMember(await ask(`preferences/${ROOT_PREFERENCE}`, action), "value", action);
    },
    serverTimeMs: () => serverTimeMs,
    makeTokenOf: (user) => makeTokenOf(ask, user),
  };
}

type Ask = (path: string, action: string, body?: unknown) => Promise<unknown>;

async function loadRun(ask: Ask, id: string): Promise<Run> {
  const action = `Cannot load run ${id}`;
  try {
    return decodeRun(await ask(`run/${id}`, action), action);
  } catch (error) {
    if (error instanceof NotFoundError && error.code === "not-found") {
      throw new NotFoundError(`There is no run ${id} in Cloud Pipeline`, {
        code: "run-not-found",
        hop: "run-state",
        hint: 'List your runs with "runtunnel runs", and check the address of the API: "runtunnel config show"',
        cause: error,
      });
    }
    if (error instanceof AuthError && error.code === "access-denied") {
      throw new AuthError(`You have no rights on run ${id}`, {
        code: "run-access-denied",
        hop: "run-state",
        hint: "Ask its owner to share the run with you for SSH, or act as the owner with --user (administrators)",
        cause: error,
      });
    }
    throw error;
  }
}

async function makeTokenOf(ask: Ask, user: string): Promise<Secret> {
  const action = `Cannot act as "${user}"`;
  try {
    const token = decodeMember(await ask(`user/token?name=${encodeURIComponent(user)}`, action), "token", action);
    if (token !== undefined && token !== "") return new Secret(token);
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "access-denied") throw error;
    throw new AuthError(`${action}: access is denied, for administrators only`, {
      code: "admins-only",
      hop: "api-login",
      hint: "Leave out --user, or use the token of an administrator",
      cause: error,
    });
  }
  throw new UnreachableError(`${action}: Cloud Pipeline hands out no token`, { code: "no-token", hop: "api-login" });
}
