// The page's server: a loopback port, the page's files, and what the page asks for. Nobody gets further than the empty page
// without a session, see ui-sessions.ts; what is answered at all says ui-guard.ts.
import { AppError, ConflictError, errorMessage, systemErrorCode } from "../../domain/errors.ts";
import { KEY_HEADER, type UiFailure } from "../../ui/api.ts";
import type { Download, UiActions } from "./ui-actions.ts";
import type { PageFile } from "./ui-bundle.ts";
import { readCookie, refuseRequest, SAFETY_HEADERS } from "./ui-guard.ts";
import type { UiSessions } from "./ui-sessions.ts";

/** What the server serves. */
export type UiServerOptions = {
  /** 0: any free one. */
  readonly port: number;
  readonly pages: ReadonlyMap<string, PageFile>;
  readonly sessions: UiSessions;
  readonly actions: UiActions;
  /** Told of what is not the user's doing. */
  readonly onBug: (error: unknown) => void;
};

/** A listening server; whoever started it closes it. */
export type UiServer = { readonly port: number; close(): Promise<void> };

/** Forms have a few hundred bytes; this is the end of everybody's patience. */
const MAX_BODY_BYTES = 64 * 1024;

const LOOPBACK = "127.0.0.1";

/** Listens. Throws ConflictError when the port is taken. */
export function startUiServer(options: UiServerOptions): UiServer {
  const server = listen(options, async (request, disableTimeout) => {
    const response = await answer(request, server.port ?? 0, options, disableTimeout);
    for (const [name, value] of Object.entries(SAFETY_HEADERS)) response.headers.set(name, value);
    return response;
  });
  return { port: server.port ?? 0, close: () => server.stop(true) };
}

function listen(
  options: UiServerOptions,
  respond: (request: Request, disableTimeout: () => void) => Promise<Response>,
): Bun.Server<undefined> {
  try {
    return Bun.serve({
      hostname: LOOPBACK,
      port: options.port,
      development: false,
      maxRequestBodySize: MAX_BODY_BYTES,
      fetch: (request, server) => respond(request, () => server.timeout(request, 0)),
      error: (error) => {
        options.onBug(error);
        return new Response("Internal error\n", { status: 500, headers: { ...SAFETY_HEADERS } });
      },
    });
  } catch (cause) {
    const isTaken = systemErrorCode(cause) === "EADDRINUSE";
    throw new ConflictError(
      `Cannot serve the page on ${LOOPBACK}:${options.port}: ${isTaken ? "the port is taken" : errorMessage(cause)}`,
      { code: "listen-taken", hint: "Choose another --port, or leave it out for any free one", cause },
    );
  }
}

async function answer(
  request: Request,
  port: number,
  options: UiServerOptions,
  disableTimeout: () => void,
): Promise<Response> {
  const { pathname: path, searchParams } = new URL(request.url);
  const refusal = refuseRequest({ method: request.method, path, headers: request.headers }, port);
  if (refusal !== undefined) return new Response(`${refusal.message}\n`, { status: refusal.status });
  if (!path.startsWith("/api/")) return sendPage(options.pages.get(path));
  try {
    if (request.method === "POST" && path === "/api/session") return await openSession(request, port, options.sessions);
    const cookie = readCookie(request.headers.get("cookie"), cookieName(port));
    if (!options.sessions.isValid(cookie, request.headers.get(KEY_HEADER) ?? undefined)) {
      return failure(401, { code: "no-session", message: "This browser has not been let in" });
    }
    // Starting and stopping take as long as they take.
    if (request.method === "POST") disableTimeout();
    return await act({ request, path, query: searchParams, actions: options.actions });
  } catch (error) {
    return describe(error, options.onBug);
  }
}

type Call = {
  readonly request: Request;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly actions: UiActions;
};

async function act({ actions, path, query, request }: Call): Promise<Response> {
  const [, , area, id, verb, ...rest] = path.split("/");
  const call = rest.length > 0 ? "" : [request.method, area, id === undefined ? "" : "ID", verb].join(" ").trim();
  const tunnel = decodeURIComponent(id ?? "");
  switch (call) {
    case "GET state":
      return Response.json(await actions.state(Number(query.get("since") ?? 0) || 0));
    case "GET runs":
      return Response.json(await actions.runs());
    case "POST tunnels":
      return Response.json(await actions.start(await readJson(request), request.signal));
    case "POST tunnels ID stop":
      return Response.json(await actions.stop(tunnel, await readJson(request)));
    case "POST tunnels ID check":
      return Response.json(await actions.check(tunnel, request.signal));
    case "GET tunnels ID connection":
      return Response.json(await actions.connection(tunnel));
    case "GET tunnels ID log":
      return Response.json(await actions.log(tunnel));
    case "GET tunnels ID filezilla":
      return sendDownload(await actions.fileZillaFile(tunnel));
    case "GET tunnels ID key":
      return sendDownload(await actions.key(tunnel, query.get("format") ?? ""));
    default:
      return failure(404, { code: "no-such-call", message: "There is no such thing to ask for" });
  }
}

async function openSession(request: Request, port: number, sessions: UiSessions): Promise<Response> {
  const body = await readJson(request);
  const token = typeof body === "object" && body !== null && "token" in body ? body.token : undefined;
  const session = typeof token === "string" ? sessions.redeem(token) : undefined;
  if (session === undefined)
    return failure(401, { code: "bad-token", message: "This link has been used or is not valid" });
  return Response.json(
    { key: session.key },
    { headers: { "set-cookie": `${cookieName(port)}=${session.cookie}; Path=/; HttpOnly; SameSite=Strict` } },
  );
}

/** Cookies do not know ports: each server's has a name of its own. */
function cookieName(port: number): string {
  return `runtunnel-ui-${port}`;
}

async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
}

function sendPage(page: PageFile | undefined): Response {
  if (page === undefined) return new Response("There is no such page\n", { status: 404 });
  return new Response(page.text, { headers: { "content-type": page.contentType } });
}

function sendDownload({ contentType, name, text }: Download): Response {
  const headers = {
    "content-type": `${contentType}`,
    "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
  };
  return new Response(text, { headers });
}

const STATUS_BY_EXIT_CODE: Readonly<Record<number, number>> = { 2: 400, 3: 409, 4: 403, 5: 404, 6: 502 };

function describe(error: unknown, onBug: (error: unknown) => void): Response {
  if (error instanceof AppError) {
    const { code, exitCode, hint, hop, message } = error;
    return failure(STATUS_BY_EXIT_CODE[exitCode] ?? 500, {
      code,
      message,
      ...(hop === undefined ? {} : { hop }),
      ...(hint === undefined ? {} : { hint }),
    });
  }
  onBug(error);
  return failure(500, {
    code: "internal",
    message: errorMessage(error),
    hint: 'This is a bug in runtunnel; the terminal of "runtunnel ui" says more',
  });
}

function failure(status: number, error: UiFailure["error"]): Response {
  return Response.json({ error }, { status });
}
