// The manager's REST and GraphQL calls, for a caller whose access key is known.
import { type Answer, BAD_PARAMS, DEPRECATED, file, json, NO_APP, NOT_ALLOWED, NOT_FOUND, problem } from "./answers.ts";
import type { AppProxy } from "./app-proxy.ts";
import type { ComputeSession, ComputeSessions } from "./compute-sessions.ts";
import { answerGraphQl } from "./graph-ql.ts";
import { readJson } from "./read-json.ts";
import type { Release } from "./releases.ts";
import { renderPublicKey, type SessionKeyPair } from "./session-keys.ts";

/** What the calls work on. */
export type ManagerWorld = {
  readonly sessions: ComputeSessions;
  readonly release: () => Release;
  readonly appProxy: AppProxy;
  /** Whether the resource group has an app proxy. */
  readonly hasAppProxy: () => boolean;
  /** Bytes that come before the key, as some releases have it. */
  readonly keyJunk: () => string;
  readonly keys: { get(): Promise<SessionKeyPair>; set(pair: SessionKeyPair): void; renew(): Promise<SessionKeyPair> };
};

/** One call. */
export type ManagerCall = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly accessKey: string;
};

/** Answers a call; streams are answered elsewhere. */
export async function answerManagerCall(call: ManagerCall, world: ManagerWorld): Promise<Answer> {
  const { path, method } = call;
  if (path === "/session/_/match" && method === "GET") return matchSessions(call, world);
  if (path === "/admin/gql" && method === "POST") return answerGraphQl(call.body, world.sessions.all, world.release());
  if (path === "/auth/ssh-keypair") return answerAccountKeys(call, world);
  if (/^\/scaling-groups\/[^/]+\/wsproxy-version$/.test(path)) {
    return json({ wsproxy_version: world.hasAppProxy() ? "v2" : "v1" });
  }
  const match = /^\/(?:stream\/)?(?:session|kernel)\/([^/]+)(?:\/([\w-]+))?$/.exec(path);
  if (match === null) return problem(NOT_FOUND, world.release().hasErrorCodes);
  const isStream = path.startsWith("/stream/");
  const release = world.release();
  const takesIds = !isStream || release.streamTakesIds;
  const lookup = world.sessions.find(decodeURIComponent(match[1] ?? ""), call.accessKey, takesIds);
  if (lookup.kind === "refused") return problem(lookup.problem, release.hasErrorCodes);
  return isStream
    ? answerStreamCall(lookup.session, match[2])
    : answerSessionCall(lookup.session, match[2], call, world);
}

function matchSessions({ query, accessKey }: ManagerCall, { sessions }: ManagerWorld): Answer {
  const matches = sessions.match(query.get("id") ?? "", accessKey);
  return json({ matches: matches.map(({ id, name, status }) => ({ id, name, status })) });
}

function answerStreamCall(session: ComputeSession, word: string | undefined): Answer {
  if (word !== "apps") return problem(NOT_FOUND);
  return json(session.apps.map(({ name, protocol, ports }) => ({ name, protocol, ports })));
}

async function answerSessionCall(
  session: ComputeSession,
  word: string | undefined,
  call: ManagerCall,
  world: ManagerWorld,
): Promise<Answer> {
  switch (word) {
    case undefined:
      return json({
        status: session.status,
        domainName: "default",
        containerId: session.id.replaceAll("-", "").repeat(2),
        creationTime: new Date(session.createdAt).toISOString(),
        age: Date.now() - session.createdAt,
      });
    case "download_single":
      return downloadSingle(session, call, world);
    case "direct-access-info":
      return session.type === "SYSTEM" ? directAccess(session, world) : json({});
    case "start-service":
      return startService(session, call, world);
    default:
      return problem(NOT_FOUND);
  }
}

/** Releases differ in the verb and in where they look for the file's name. */
async function downloadSingle(session: ComputeSession, call: ManagerCall, world: ManagerWorld): Promise<Answer> {
  const { download, hasErrorCodes } = world.release();
  const wanted = download === "get" ? "GET" : "POST";
  if (call.method !== wanted)
    return download === "post-any" ? problem(DEPRECATED) : problem(NOT_ALLOWED, hasErrorCodes);
  const inBody = readJson(call.body)["file"];
  const inQuery = call.query.get("file");
  const name = pickFileName(download, inBody, inQuery, call.body !== "");
  if (typeof name !== "string") return problem({ ...BAD_PARAMS, msg: "file: is required" }, hasErrorCodes);
  if (!/^(?:\/home\/work\/)?id_container$/.test(name) || !session.hasKey) {
    return problem({ ...BAD_PARAMS, msg: `The file is not found: ${name}` }, hasErrorCodes);
  }
  return file(world.keyJunk() + (await world.keys.get()).privateKey);
}

function pickFileName(way: Release["download"], inBody: unknown, inQuery: unknown, hasBody: boolean): unknown {
  switch (way) {
    case "post-query":
      return inQuery;
    case "post-body":
      return inBody;
    case "get":
    case "post-any":
      return hasBody ? inBody : inQuery;
  }
}

async function directAccess(session: ComputeSession, { appProxy }: ManagerWorld): Promise<Answer> {
  const target = await appProxy.target(session, "sshd", session.apps[0]?.ports[0] ?? 0);
  return json({
    kernel_role: "SYSTEM",
    session_type: "SYSTEM",
    public_host: `http://${target?.host ?? "127.0.0.1"}`,
    sshd_ports: target === undefined ? [] : [target.port],
  });
}

async function startService(session: ComputeSession, call: ManagerCall, world: ManagerWorld): Promise<Answer> {
  const { hasErrorCodes } = world.release();
  const body = readJson(call.body);
  const app = session.apps.find((candidate) => candidate.name === body["app"]);
  if (app === undefined) return problem(NO_APP, hasErrorCodes);
  const port = typeof body["port"] === "number" ? body["port"] : (app.ports[0] ?? 0);
  if (!app.ports.includes(port)) return problem(BAD_PARAMS, hasErrorCodes);
  if (!world.hasAppProxy()) {
    const title = "No coordinator configured for this resource group";
    return problem({ status: 503, type: "service-unavailable", title }, hasErrorCodes);
  }
  return json({ token: world.appProxy.conf(session, port), wsproxy_addr: world.appProxy.url });
}

async function answerAccountKeys({ method, body }: ManagerCall, { keys }: ManagerWorld): Promise<Answer> {
  if (method === "GET") return json({ ssh_public_key: (await keys.get()).publicKey });
  if (method === "PATCH") return showPair(await keys.renew());
  if (method !== "POST") return problem(NOT_ALLOWED);
  const { pubkey, privkey } = readJson(body);
  if (typeof pubkey !== "string" || typeof privkey !== "string") return problem(BAD_PARAMS);
  if (!isPair(pubkey, privkey)) return problem({ ...BAD_PARAMS, msg: "The keys do not belong together" });
  const pair = { privateKey: privkey, publicKey: pubkey };
  keys.set(pair);
  return showPair(pair);
}

function isPair(publicKey: string, privateKey: string): boolean {
  try {
    return renderPublicKey(privateKey).split(" ")[1] === publicKey.split(" ")[1];
  } catch {
    return false;
  }
}

function showPair({ publicKey, privateKey }: SessionKeyPair): Answer {
  return json({ ssh_public_key: publicKey, ssh_private_key: privateKey });
}
