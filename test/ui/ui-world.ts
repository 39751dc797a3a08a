// The page's server over a scratch registry, and a client that sends exactly what a test wants.
import net from "node:net";
import type { AppContext } from "../../src/tunnel/context.ts";
import { UiActions } from "../../src/tunnel/ui/ui-actions.ts";
import type { PageFile } from "../../src/tunnel/ui/ui-bundle.ts";
import { loadPages } from "../../src/tunnel/ui/ui-pages.ts";
import { startUiServer } from "../../src/tunnel/ui/ui-server.ts";
import { UiSessions } from "../../src/tunnel/ui/ui-sessions.ts";
import { KEY_HEADER } from "../../src/ui/api.ts";

/** A server that is closed when the test's block ends. */
export type TestServer = AsyncDisposable & {
  readonly port: number;
  readonly sessions: UiSessions;
  readonly bugs: unknown[];
  /** Headers of a browser that has been let in, for requests of our own page. */
  letIn(): Promise<Readonly<Record<string, string>>>;
};

let pages: Promise<ReadonlyMap<string, PageFile>> | undefined;

/** Serves. Starting a tunnel is out of this world. */
export async function serveUi(context: AppContext): Promise<TestServer> {
  pages ??= loadPages();
  const sessions = new UiSessions();
  const bugs: unknown[] = [];
  const toStartOptions = (): never => {
    throw new Error("Out of the test's world");
  };
  const actions = new UiActions(context, { version: "runtunnel 0.0.0 (test)", configFile: "/none", toStartOptions });
  const server = startUiServer({ port: 0, pages: await pages, sessions, actions, onBug: (error) => bugs.push(error) });
  const { port } = server;
  return {
    port,
    sessions,
    bugs,
    letIn: async () => {
      const answer = await ask(port, "POST", "/api/session", {}, { token: sessions.issueToken() });
      const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
      return { cookie, [KEY_HEADER]: JSON.parse(answer.body).key };
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** What came back. */
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };

/** Sends a request as a page of the server's own does, unless the headers say otherwise; an empty one is left out. */
export function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
): Promise<Answer> {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const all = {
    host: `127.0.0.1:${port}`,
    ...(method === "POST" ? { origin: `http://127.0.0.1:${port}`, "content-type": "application/json" } : {}),
    ...(text === "" ? {} : { "content-length": String(Buffer.byteLength(text)) }),
    connection: "close",
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== "");
  const head = [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  return send(port, `${head}\r\n\r\n${text}`);
}

/** Sends bytes as they are; resolves with what came until the end. */
function send(port: number, request: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(request));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part) => {
      text += part;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(parseAnswer(text)));
  });
}

function parseAnswer(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [status = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return { status: Number(status.split(" ")[1]), headers, body: text.slice(end + 4) };
}
