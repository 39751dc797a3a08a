// The manager's stream calls: what comes before the 101, and the pipe behind it. Same for the web UI, which adds faults.
import type { WebSocket } from "ws";
import { BAD_PARAMS, json, NO_APP, NOT_FOUND, type Problem, problem } from "./answers.ts";
import type { FindTarget } from "./app-proxy.ts";
import type { ComputeSession, ComputeSessions } from "./compute-sessions.ts";
import type { Release } from "./releases.ts";
import type { UpgradeAnswer } from "./request-server.ts";
import { type PipeFault, pipe } from "./tcp-pipe.ts";

/** Ways to refuse an upgrade, by status or by misbehaviour. */
export type UpgradeFault = "none" | "401" | "404" | "429" | "500" | "503" | "html" | "redirect" | "silence" | "reset";

/** What the stream calls work on. */
export type StreamWorld = {
  readonly sessions: ComputeSessions;
  readonly release: () => Release;
  readonly target: FindTarget;
  readonly upgradeFault: () => UpgradeFault;
  readonly pipeFault: () => PipeFault;
  /** Told of each open stream, so that it can be ended with its session. */
  readonly opened: (session: ComputeSession, socket: WebSocket) => void;
};

/** Decides on an upgrade for a caller whose access key is known. */
export function decideStream(
  target: string,
  accessKey: string,
  world: StreamWorld,
  swallowsClose: boolean,
): UpgradeAnswer {
  const fault = answerFault(world.upgradeFault());
  if (fault !== undefined) return fault;
  const url = new URL(target, "http://sandbox.invalid");
  const match = /^\/stream\/(?:session|kernel)\/([^/]+)\/(?:tcpproxy|httpproxy)$/.exec(url.pathname);
  const release = world.release();
  if (match === null) return refuse(NOT_FOUND, release);
  const lookup = world.sessions.find(decodeURIComponent(match[1] ?? ""), accessKey, release.streamTakesIds);
  if (lookup.kind === "refused") return refuse(lookup.problem, release);
  const { session } = lookup;
  if (session.status !== "RUNNING") {
    return refuse({ status: 400, type: "session-not-ready", title: "The session is not running." }, release);
  }
  const app = session.apps.find((candidate) => candidate.name === url.searchParams.get("app"));
  if (app === undefined) return refuse(NO_APP, release);
  const wanted = url.searchParams.get("port");
  const port = wanted === null ? (app.ports[0] ?? 0) : Number(wanted);
  if (!app.ports.includes(port)) {
    return refuse({ ...BAD_PARAMS, msg: `Service ${app.name} does not open the port number ${wanted}.` }, release);
  }
  return {
    kind: "granted",
    take: (socket) => {
      world.opened(session, socket);
      void pipe(socket, world.target(session, app.name, port), { fault: world.pipeFault(), swallowsClose });
    },
  };
}

function refuse(fault: Problem, release: Release): UpgradeAnswer {
  return { kind: "refused", answer: problem(fault, release.hasErrorCodes) };
}

function answerFault(fault: UpgradeFault): UpgradeAnswer | undefined {
  switch (fault) {
    case "none":
      return undefined;
    case "silence":
    case "reset":
      return { kind: fault };
    case "html":
      return {
        kind: "refused",
        answer: {
          status: 200,
          headers: { "Content-Type": "text/html" },
          body: "<html><head><title>Guest network</title></head></html>",
        },
      };
    case "redirect":
      return {
        kind: "refused",
        answer: { status: 302, headers: { Location: "https://login.invalid/saml?next=x" }, body: "" },
      };
    case "429":
      return {
        kind: "refused",
        answer: {
          ...json({
            type: "https://api.backend.ai/probs/rate-limit-exceeded",
            title: "You have reached your API query rate limit.",
          }),
          status: 429,
        },
      };
    case "401":
    case "404":
    case "500":
    case "503":
      return {
        kind: "refused",
        answer: problem({ status: Number(fault), type: FAULT_TYPES[fault], title: `Simulated fault ${fault}.` }),
      };
  }
}

const FAULT_TYPES = {
  "401": "auth-failed",
  "404": "object-not-found",
  "500": "app-service-start-failed",
  "503": "server-frozen",
} as const;
