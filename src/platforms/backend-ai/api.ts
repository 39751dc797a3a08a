// Calls to one Backend.AI endpoint: version agreed on, requests signed (or carrying the web login), refusals explained.
import * as v from "valibot";
import { NotFoundError, UnreachableError } from "../../domain/errors.ts";
import type { TlsOptions, ViaRequest } from "../../domain/route.ts";
import type { Secret } from "../../domain/secret.ts";
import { createHttpClient, type Fetch, type HttpAnswer, type HttpClient } from "../http-client.ts";
import type { PlatformContext } from "../platform.ts";
import { decideProxy } from "../proxy-choice.ts";
import { chooseApiVersion, runWord, SAFE_VERSION } from "./api-version.ts";
import type { BackendAiConfig } from "./client-config.ts";
import { explainProblem } from "./problem.ts";
import { DEFAULT_CONTENT_TYPE, type KeyPair, signedHeaders } from "./signing.ts";
import type { WebSession } from "./web-session.ts";

/** What a client of the API is made with. */
export type ApiSetup = {
  readonly config: BackendAiConfig;
  readonly context: PlatformContext;
  readonly tls: TlsOptions;
  readonly credentials: Credentials;
  /** Tries per call. */
  readonly attempts: number;
  /** Id of the user to act as (administrators, from 26.x on). */
  readonly actAs?: string;
  readonly random: () => number;
  readonly fetch?: Fetch;
  readonly signal: AbortSignal;
};

/** What goes along with each request. */
export type Credentials =
  | { readonly kind: "key-pair"; readonly keys: KeyPair }
  | { readonly kind: "web-login"; readonly session: WebSession };

/** One call. */
export type ApiCall = {
  /** What it is for, as messages begin: `Cannot find session "demo"`. */
  readonly action: string;
  readonly method?: string;
  /** Path and query as the manager knows them; `/session/` becomes what the version calls it. */
  readonly path: string;
  readonly json?: unknown;
  readonly repeatable?: boolean;
  /** Take the answer's bytes as text, whatever they are. */
  readonly asText?: boolean;
};

/** One endpoint that answered. */
export interface BackendAiApi {
  readonly endpoint: URL;
  readonly apiVersion: string;
  readonly usesWebLogin: boolean;
  /** Whose credentials go along: an access key or a user. */
  readonly identity: string;
  /** Our clock minus the server's; undefined where the server does not tell its time. */
  clockSkewMs(): number | undefined;
  call(call: ApiCall): Promise<HttpAnswer>;
  /** Address of a WebSocket at the endpoint. */
  webSocketUrl(path: string): string;
  /** Authorises one upgrade; signatures age, so it is asked at each dial. */
  upgradeHeaders(request: ViaRequest): Readonly<Record<string, string>>;
}

/** Below this the clocks count as equal; the Date header has whole seconds only. */
const TOLERATED_SKEW_MS = 60_000;

/** `id_container` and its like; the server hands out 1 MiB at most. */
const MAX_TEXT_BYTES = 1024 * 1024;

const versionSchema = v.object({ version: v.string() });

/** Asks the endpoint for its version. Throws where nothing usable answers there. */
export async function openApi(endpoint: URL, setup: ApiSetup): Promise<BackendAiApi> {
  const wire = new Wire(endpoint, setup);
  const apiVersion = await probeVersion(wire, setup);
  wire.apiVersion = apiVersion;
  return {
    endpoint,
    apiVersion,
    usesWebLogin: wire.usesWebLogin,
    identity: setup.credentials.kind === "key-pair" ? setup.credentials.keys.accessKey : setup.credentials.session.user,
    clockSkewMs: () => wire.clockSkewMs,
    call: (call) => wire.call({ ...call, path: runPath(call.path, apiVersion) }),
    webSocketUrl: (path) => {
      const url = new URL(wire.urlOf(runPath(path, apiVersion)));
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      return url.href;
    },
    upgradeHeaders: (request) => wire.credentialHeaders({ ...request, contentType: DEFAULT_CONTENT_TYPE }),
  };
}

function runPath(path: string, apiVersion: string): string {
  return path.replace(/^(\/stream)?\/session\//, `$1/${runWord(apiVersion)}/`);
}

async function probeVersion(wire: Wire, setup: ApiSetup): Promise<string> {
  const answer = await wire.call({
    action: `Cannot ask Backend.AI at ${wire.endpoint.host} for its version`,
    path: "/",
  });
  const document = v.safeParse(versionSchema, answer.body);
  const version = document.success ? document.output.version : undefined;
  const chosen = chooseApiVersion(version);
  setup.context.log.debug("Backend.AI answers", { endpoint: wire.endpoint.host, version, speaking: chosen });
  return chosen;
}

/** What the requests to one endpoint share. */
class Wire {
  readonly endpoint: URL;
  readonly usesWebLogin: boolean;
  apiVersion: string = SAFE_VERSION;
  clockSkewMs: number | undefined;
  readonly #setup: ApiSetup;
  readonly #json: HttpClient;
  readonly #text: HttpClient;

  constructor(endpoint: URL, setup: ApiSetup) {
    this.endpoint = endpoint;
    this.#setup = setup;
    this.usesWebLogin = setup.credentials.kind === "web-login";
    this.#json = this.#client((url, init) => this.#send(url, init));
    this.#text = this.#client(async (url, init) => asJsonText(await this.#send(url, init)));
  }

  urlOf(path: string): string {
    return `${this.endpoint.origin}${this.endpoint.pathname.replace(/\/+$/, "")}${this.#prefix(path)}${path}`;
  }

  call(call: ApiCall): Promise<HttpAnswer> {
    const client = call.asText === true ? this.#text : this.#json;
    return client.request({
      path: this.#prefix(call.path) + call.path,
      method: call.method ?? "GET",
      headers: () => (call.json === undefined ? {} : { "Content-Type": "application/json" }),
      ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
      signal: this.#setup.signal,
      ...(call.repeatable === undefined ? {} : { repeatable: call.repeatable }),
      explain: (answer) =>
        explainProblem(answer.body, {
          action: call.action,
          status: answer.status,
          clockSkewMs: this.clockSkewMs,
          identity: describeIdentity(this.#setup),
          usesWebLogin: this.usesWebLogin,
          secrets: this.#secrets(),
        }),
    });
  }

  credentialHeaders(request: ViaRequest & { readonly contentType: string }): Readonly<Record<string, string>> {
    const { credentials, config, actAs } = this.#setup;
    const common = {
      "X-BackendAI-Version": this.apiVersion,
      // Headers carry bytes: those of UTF-8, as the platform's own client sends them.
      "X-BackendAI-Domain": Buffer.from(config.domain, "utf8").toString("latin1"),
      ...(actAs === undefined ? {} : { "X-BackendAI-Act-As": actAs }),
    };
    if (credentials.kind === "key-pair") {
      const signed = signedHeaders({ ...request, apiVersion: this.apiVersion }, credentials.keys, this.#serverNow());
      return { ...common, ...signed };
    }
    const id = credentials.session.sessionId.reveal();
    // Old web servers know the cookie only, new ones prefer the header.
    return { ...common, Cookie: `AIOHTTP_SESSION=${id}`, "X-BackendAI-SessionID": id };
  }

  /** A wrong clock here need not keep anybody out: the server told its time with the version. */
  #serverNow(): number {
    const now = this.#setup.context.clock.now();
    const skew = this.clockSkewMs ?? 0;
    return Math.abs(skew) > TOLERATED_SKEW_MS ? now - skew : now;
  }

  /** The web UI passes on what is below `/func`, except its own calls. */
  #prefix(path: string): string {
    return this.usesWebLogin && !path.startsWith("/server/") ? "/func" : "";
  }

  #client(fetcher: Fetch): HttpClient {
    const { config, context, tls } = this.#setup;
    const proxy = config.proxy === undefined ? {} : { configured: config.proxy };
    return createHttpClient({
      service: "Backend.AI",
      baseUrl: this.endpoint,
      proxy: decideProxy(this.endpoint, { ...proxy, environment: context.environment }),
      tls,
      loginHint: `Check the ${describeIdentity(this.#setup)}`,
      tlsHint: "Give the authority's certificate with the setting backend-ai.ca-file, or set backend-ai.insecure",
      secrets: this.#secrets(),
      ...(config.connectTimeoutMs === undefined ? {} : { timeoutMs: config.connectTimeoutMs }),
      retry: {
        attempts: this.#setup.attempts,
        clock: context.clock,
        random: this.#setup.random,
        log: context.log,
      },
      fetch: fetcher,
    });
  }

  /** Signs what is really sent, at the last moment, and reads the server's clock off its answer. */
  async #send(url: string, init: BunFetchRequestInit): Promise<Response> {
    const { href, pathname, search, host } = new URL(url);
    const headers = new Headers(init.headers);
    const request = {
      method: init.method ?? "GET",
      target: pathname + search,
      host,
      contentType: headers.get("Content-Type") ?? DEFAULT_CONTENT_TYPE,
    };
    for (const [name, value] of Object.entries(this.credentialHeaders(request))) headers.set(name, value);
    headers.set("User-Agent", "runtunnel");
    const response = await (this.#setup.fetch ?? fetch)(href, { ...init, headers });
    // Said by any layer, with or without a problem document: the server has no such call.
    if (response.status === 405) throw unknownCall(request.method, pathname);
    const date = Date.parse(response.headers.get("Date") ?? "");
    if (!Number.isNaN(date)) this.clockSkewMs = this.#setup.context.clock.now() - date;
    return response;
  }

  #secrets(): readonly Secret[] {
    const { credentials } = this.#setup;
    return [credentials.kind === "key-pair" ? credentials.keys.secretKey : credentials.session.sessionId];
  }
}

function unknownCall(method: string, path: string): NotFoundError {
  return new NotFoundError(`Backend.AI knows no ${method} of ${path}`, { code: "unknown-call", hop: "api" });
}

function describeIdentity(setup: ApiSetup): string {
  const { credentials, config } = setup;
  return credentials.kind === "key-pair"
    ? `access key ${credentials.keys.accessKey} and its secret key (from ${config.identitySource})`
    : `web login of ${credentials.session.user} (from ${config.identitySource})`;
}

/** A successful answer of any bytes, dressed as a JSON string, so that the JSON client can carry it. */
async function asJsonText(response: Response): Promise<Response> {
  if (!response.ok || response.body === null) return response;
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > MAX_TEXT_BYTES) {
      throw new UnreachableError("Backend.AI handed out a file of more than 1 MiB where a key was asked for", {
        code: "answer-too-large",
        hop: "api",
        transient: false,
      });
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("latin1");
  return new Response(JSON.stringify(text), { status: response.status });
}
