// A REST API that answers what a test wants, with the answers that the platform's documentation shows.
import type { Secret } from "../../../src/domain/secret.ts";

/** What one path answers: a payload, a whole response, or nothing for an empty payload. */
export type Answers = Readonly<Record<string, unknown>>;

/** A running double; `asked` holds path and query of every call in order, `tokens` the tokens shown. */
export type ApiDouble = Disposable & {
  readonly url: string;
  readonly asked: string[];
  readonly tokens: string[];
};

/** A run that is ready, as the API shows it to its owner. */
export const READY_RUN = {
  id: 12345,
  status: "RUNNING",
  owner: "USER@corp.example",
  podIP: "10.244.1.2",
  podId: "pipeline-12345",
  sshPassword: "run-password",
  platform: "linux",
  sensitive: false,
  initialized: true,
  dockerImage: "registry/library/centos:7",
  startDate: "2024-10-24 10:00:00.000",
  createdDate: "2024-10-24 10:00:00.000",
  mask: 15,
  instance: { nodeIP: "10.0.0.1", nodeType: "m5.large", spot: false },
  pipelineRunParameters: [{ name: "CP_CAP_SSH_MODE", value: "owner" }],
  runSids: [{ runId: 12345, name: "FRIEND", isPrincipal: true, accessType: "SSH" }],
};

/** Everything a plain start asks for. */
export const GOOD_ANSWERS: Answers = {
  "run/12345": READY_RUN,
  "run/12345/tasks": [{ name: "InitializeEnvironment", status: "SUCCESS", instance: "pipeline-12345" }],
  "cluster/edge/externalUrl": "https://edge.example:31081",
  whoami: { id: 1, userName: "CALLER@corp.example", admin: false, blocked: false },
  "preferences/system.ssh.default.root.user.enabled": { name: "...", value: "true", type: "BOOLEAN" },
};

/** An application error, which comes with status 200. */
export function applicationError(message: string): Response {
  return Response.json({ message, status: "ERROR" });
}

/** Serves the answers to anyone who shows one of the tokens. */
export function startApi(answers: Answers, ...tokens: readonly Secret[]): ApiDouble {
  const asked: string[] = [];
  const shown: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const path = request.url.replace(/^.*?\/restapi\/*/, "");
      const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
      asked.push(path);
      shown.push(token);
      if (!tokens.some((known) => known.reveal() === token)) {
        return new Response("<html><title>Unauthorized</title></html>", { status: 401 });
      }
      return answer(answers[path] ?? answers[path.replace(/\?.*/, "")], path);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/pipeline/restapi/`,
    asked,
    tokens: shown,
    [Symbol.dispose]: () => server.stop(true),
  };
}

async function answer(found: unknown, path: string): Promise<Response> {
  if (found instanceof Response) return found.clone() as Response;
  if (typeof found === "function") return found();
  if (found === null) return Response.json({ status: "OK" });
  if (found !== undefined) return Response.json({ payload: found, status: "OK" });
  const id = /^run\/(\d+)/.exec(path)?.[1];
  return applicationError(id === undefined ? "No such call" : `Pipeline with requested id: '${id}' was not found.`);
}
