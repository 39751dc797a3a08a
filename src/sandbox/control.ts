// Commands that change the sandbox while it runs: a small HTTP endpoint with a secret in its path, and its client.
import { randomBytes } from "node:crypto";
import { AppError, errorMessage, UnreachableError, UsageError } from "../domain/errors.ts";
import { parseApiFault } from "./cloud-pipeline/api-server.ts";
import type { CloudPipeline } from "./cloud-pipeline/cloud-pipeline.ts";
import { parseEdgeFault } from "./cloud-pipeline/edge-faults.ts";
import { parseRunStatus } from "./cloud-pipeline/runs.ts";

/** How long a command may take; the slowest makes new host keys. */
const TIMEOUT_MS = 10_000;

type Command = {
  readonly usage: string;
  readonly obey: (platform: CloudPipeline, words: readonly string[]) => Promise<string> | string;
};

const COMMANDS: Readonly<Record<string, Command>> = {
  status: { usage: "status", obey: (platform) => describeRuns(platform) },
  pause: {
    usage: "pause RUN",
    obey: async (platform, [id]) => setStatus(platform, id, "PAUSED"),
  },
  stop: {
    usage: "stop RUN",
    obey: async (platform, [id]) => setStatus(platform, id, "STOPPED"),
  },
  state: {
    usage: "state RUN STATUS",
    obey: async (platform, [id, status]) => setStatus(platform, id, status),
  },
  resume: {
    usage: "resume RUN [POD-IP]",
    obey: async (platform, [id, podIp]) =>
      describeRun(await platform.resumeRun(parseRun(id), { podIp, newHostKeys: false })),
  },
  restart: {
    usage: "restart RUN [POD-IP]",
    obey: async (platform, [id, podIp]) =>
      describeRun(await platform.resumeRun(parseRun(id), { podIp, newHostKeys: true })),
  },
  task: {
    usage: "task RUN SUCCESS|RUNNING|FAILURE|missing",
    obey: (platform, [id, status]) => {
      const initialization = status === "missing" ? undefined : (status ?? "SUCCESS");
      return describeRun(platform.runs.update(parseRun(id), { initialization }));
    },
  },
  open: {
    usage: "open RUN PORT [LOCAL-PORT]",
    obey: (platform, [id, port, localPort]) => {
      const target = localPort === undefined ? undefined : parseNumber(localPort, "local port");
      platform.hostOf(parseRun(id)).openPort(parseNumber(port, "port"), target);
      return `Port ${port} of run ${id} answers`;
    },
  },
  close: {
    usage: "close RUN PORT",
    obey: async (platform, [id, port]) => {
      await platform.hostOf(parseRun(id)).closePort(parseNumber(port, "port"));
      return `Port ${port} of run ${id} refuses`;
    },
  },
  preference: {
    usage: "preference NAME [VALUE]",
    obey: (platform, [name = "", value]) => {
      if (value === undefined) platform.preferences.delete(name);
      else platform.preferences.set(name, value);
      return `Preference ${name} is ${value ?? "not set"}`;
    },
  },
  "expire-token": {
    usage: "expire-token",
    obey: (platform) => {
      platform.mint.expireAll();
      return "All tokens have expired";
    },
  },
  token: {
    usage: "token user|admin [SECONDS]",
    obey: (platform, [user, seconds]) => {
      if (user !== "user" && user !== "admin") throw new UsageError("Cannot read user", { hint: "Users: user, admin" });
      return platform.issueToken(user, seconds === undefined ? undefined : Number(seconds) * 1000);
    },
  },
  edge: { usage: "edge up|down|drop|authentication on|authentication off|FAULT", obey: obeyEdge },
  api: { usage: "api up|down|FAULT", obey: obeyApi },
  faults: {
    usage: "faults edge FAULT | faults api FAULT | faults none",
    obey: async (platform, [where, ...words]) => {
      if (where === "edge") return obeyEdge(platform, words);
      if (where === "api") return obeyApi(platform, words);
      await obeyApi(platform, []);
      return obeyEdge(platform, []);
    },
  },
};

/** Carries out one command. Throws UsageError for what it does not know. */
export async function obeyWords(platform: CloudPipeline, words: readonly string[]): Promise<string> {
  const [name = "", ...rest] = words;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const usages = Object.values(COMMANDS).map((known) => known.usage);
    throw new UsageError(`Unknown sandbox command "${name}"`, { hint: `Commands: ${usages.join("; ")}` });
  }
  return command.obey(platform, rest);
}

/** The control endpoint: takes the words of a command as a JSON list, answers with text. */
export class ControlServer {
  readonly #server: Bun.Server<undefined>;
  readonly #secret: string;

  private constructor(host: string, obey: (words: readonly string[]) => Promise<string>) {
    this.#secret = randomBytes(16).toString("hex");
    this.#server = Bun.serve({ hostname: host, port: 0, fetch: (request) => this.#answer(request, obey) });
  }

  static async start(host: string, obey: (words: readonly string[]) => Promise<string>): Promise<ControlServer> {
    return new ControlServer(host, obey);
  }

  /** Where commands go; whoever knows it may give them. */
  get url(): string {
    return `http://${this.#server.hostname}:${this.#server.port}/${this.#secret}`;
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request, obey: (words: readonly string[]) => Promise<string>): Promise<Response> {
    if (new URL(request.url).pathname !== `/${this.#secret}`) return new Response("Not found", { status: 404 });
    try {
      const words: unknown = await request.json();
      if (!Array.isArray(words)) throw new UsageError("A command is a list of words");
      return new Response(await obey(words.map(String)));
    } catch (error) {
      const hint = error instanceof AppError ? error.hint : undefined;
      return Response.json({ message: errorMessage(error), hint }, { status: 400 });
    }
  }
}

/** Sends a command to a running sandbox; `url` is its RUNTUNNEL_SANDBOX. Throws UsageError for what it refuses. */
export async function controlSandbox(url: string, words: readonly string[]): Promise<string> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(url, { method: "POST", body: JSON.stringify(words), signal, proxy: "" });
  } catch (cause) {
    throw new UnreachableError("Cannot reach the sandbox", {
      cause,
      hint: "Start one with: runtunnel sandbox, and export the variables it prints",
    });
  }
  const text = await response.text();
  if (response.ok) return text;
  throw toUsageError(text);
}

function toUsageError(text: string): UsageError {
  try {
    const { message, hint } = Object(JSON.parse(text));
    return new UsageError(String(message), typeof hint === "string" ? { hint } : {});
  } catch {
    return new UsageError(`The sandbox refused the command: ${text}`);
  }
}

async function obeyEdge(platform: CloudPipeline, words: readonly string[]): Promise<string> {
  const edges = [...platform.edges.values()];
  const [word] = words;
  if (word === "up" || word === "down")
    await Promise.all(edges.map((edge) => (word === "up" ? edge.up() : edge.down())));
  else if (word === "drop") for (const edge of edges) edge.dropConnections();
  else if (word === "authentication") platform.edgeAuthentication = words[1] !== "off";
  else {
    const fault = parseEdgeFault(words);
    for (const edge of edges) edge.fault = fault;
  }
  return `EDGE: ${words.join(" ") || "none"}`;
}

async function obeyApi(platform: CloudPipeline, words: readonly string[]): Promise<string> {
  const [word = "none"] = words;
  if (word === "up" || word === "down") await platform.setApiUp(word === "up");
  else platform.api.fault = parseApiFault(word);
  return `API: ${word}`;
}

async function setStatus(platform: CloudPipeline, id: string | undefined, status: string | undefined): Promise<string> {
  const run = parseRun(id);
  await platform.setRunStatus(run, parseRunStatus(status));
  return describeRun(platform.runs.get(run));
}

function describeRuns(platform: CloudPipeline): string {
  return platform.runs.all().map(describeRun).join("\n");
}

function describeRun(run: ReturnType<CloudPipeline["runs"]["get"]>): string {
  return `${run.id} ${run.status} ${run.podIp ?? "-"}`;
}

/** `1001` or `pipeline-1001`. */
function parseRun(text: string | undefined): number {
  return parseNumber(text?.replace(/^pipeline-/, ""), "run");
}

function parseNumber(text: string | undefined, what: string): number {
  const number = text === undefined ? Number.NaN : Number(text);
  if (!Number.isInteger(number)) throw new UsageError(`Cannot read ${what} "${text ?? ""}"`);
  return number;
}
