import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { AppError, AuthError, NotFoundError, TimeoutError, UnreachableError } from "../../src/domain/errors.ts";
import { Secret } from "../../src/domain/secret.ts";
import {
  createHttpClient,
  type Fetch,
  type HttpClient,
  type HttpClientOptions,
  MAX_ANSWER_BYTES,
} from "../../src/platforms/http-client.ts";
import { eventually } from "../support/eventually.ts";
import { hastyClock, keepingLog, rejection } from "./platform-context.ts";

const TOKEN = new Secret("eyJhbGciOi.very.secret");
const TLS_FOLDER = join(import.meta.dir, "fixtures/tls");

let server: Bun.Server<undefined>;
let hits: string[] = [];

const PAGES: Readonly<Record<string, (request: Request) => Response | Promise<Response>>> = {
  "/api/ok": (request) => Response.json({ path: request.url.replace(/^.*?\/api/, ""), auth: request.headers.get("x") }),
  "/api/empty": () => new Response(""),
  "/api/html": () => new Response("<html><head><title>Sign\n in \u0007 here</title></head>", { status: 200 }),
  "/api/html502": () => new Response("<html><title>502 Bad Gateway</title></html>", { status: 502 }),
  "/api/half": () => new Response('{"payload": {"id": 1'),
  "/api/echo-secret": () => new Response(`no token ${TOKEN.reveal()} here`, { status: 500 }),
  "/api/401": () => new Response("<html>who?</html>", { status: 401 }),
  "/api/403": () => Response.json({ status: "ERROR" }, { status: 403 }),
  "/api/404": () => new Response("nothing", { status: 404 }),
  "/api/407": () => new Response("", { status: 407 }),
  "/api/429": () => new Response("slow down", { status: 429 }),
  "/api/teapot": () => new Response("tea", { status: 418 }),
  "/api/login": () => new Response("", { status: 302, headers: { Location: "https://idp.example/saml/SSO?x=1" } }),
  "/api/moved": () => new Response("", { status: 301, headers: { Location: "/elsewhere" } }),
  "/api/hang": () => new Promise(() => {}),
  "/api/huge": () => new Response(endless()),
  "/api/trickle": () => new Response(trickle()),
  "/api/flaky": () => (hits.length < 3 ? new Response("", { status: 503 }) : Response.json("at last")),
};

/** Never ends by itself: only a client that stops reading can survive it. */
function endless(): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(MAX_ANSWER_BYTES / 4).fill(0x20);
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
}

/** Sends a beginning and then nothing. */
function trickle(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{"a":')) });
}

beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      hits.push(pathname);
      return PAGES[pathname]?.(request) ?? new Response("?", { status: 599 });
    },
  });
});

afterAll(() => server.stop(true));

function makeClient(wishes: Partial<HttpClientOptions> = {}): HttpClient {
  hits = [];
  return createHttpClient({
    service: "Test API",
    baseUrl: new URL(`http://user:hidden@127.0.0.1:${server.port}/api/?q=1`),
    proxy: undefined,
    tls: { verify: true },
    loginHint: "Renew the token",
    tlsHint: "Give the authority",
    secrets: [TOKEN],
    retry: { attempts: 1, clock: hastyClock(), random: () => 0 },
    ...wishes,
  });
}

function get(client: HttpClient, path: string, signal = new AbortController().signal) {
  return client.request({ path, signal, headers: () => ({ x: "y" }) });
}

async function failureOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await rejection(promise);
  if (!(error instanceof AppError)) throw error;
  return error;
}

describe("createHttpClient()", () => {
  test.each(["ok?a=b", "/ok?a=b", "//ok?a=b"])("request() joins base and %p with one slash", async (path) => {
    const answer = await get(makeClient(), path);
    expect(answer).toMatchObject({ status: 200, body: { path: "/ok?a=b", auth: "y" } });
  });

  test("request() takes an empty answer for undefined", async () => {
    expect((await get(makeClient(), "empty")).body).toBeUndefined();
  });

  test.each([
    ["html", UnreachableError, "not-json", "api", 'a web page titled "Sign in here" instead of JSON'],
    ["html502", UnreachableError, "service-unavailable", "api", 'status 502: a web page titled "502 Bad Gateway"'],
    ["half", UnreachableError, "not-json", "api", "instead of JSON"],
    ["echo-secret", UnreachableError, "server-error", "api", "no token [redacted] here"],
    ["401", AuthError, "login-refused", "api-login", "refused the login (401)"],
    ["403", AuthError, "forbidden", "api-login", "403"],
    ["404", NotFoundError, "no-such-address", "api", "404"],
    ["407", AuthError, "proxy-login-refused", "proxy-login", "407"],
    ["429", UnreachableError, "too-many-requests", "api", "slow down"],
    ["teapot", UnreachableError, "server-error", "api", "418"],
    ["login", AuthError, "login-page", "api-login", '"https://idp.example"'],
    ["moved", UnreachableError, "redirected", "api", "redirects to"],
    ["huge", UnreachableError, "answer-too-large", "api", "more than 4 MiB"],
  ] as const)("request() tells apart what %p answers", async (path, type, code, hop, text) => {
    const error = await failureOf(get(makeClient(), path));
    expect(error).toBeInstanceOf(type);
    expect([error.code, error.hop]).toEqual([code, hop]);
    expect(error.message).toContain(text);
    expect(error.message).not.toContain("hidden");
    expect(hits).toEqual([`/api/${path}`]);
  });

  test.each(["hang", "trickle"])("request() gives up on %p at its deadline", async (path) => {
    const error = await failureOf(get(makeClient({ timeoutMs: 80 }), path));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toContain("did not answer within 80 ms");
  });

  test("request() rejects with the reason of its signal, whatever else happens", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped by hand");
    const pending = rejection(get(makeClient(), "hang", controller.signal));
    await eventually(() => expect(hits).toEqual(["/api/hang"]));
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(await rejection(get(makeClient(), "ok", controller.signal))).toBe(reason);
  });

  test("request() tries transient failures again, asking for headers each time, and says so in the log", async () => {
    const log = keepingLog();
    const client = makeClient({ retry: { attempts: 5, clock: hastyClock(), random: () => 0, log } });
    let asked = 0;
    const answer = await client.request({
      path: "flaky",
      signal: new AbortController().signal,
      headers: () => {
        asked += 1;
        return {};
      },
    });
    expect([answer.body, asked, hits.length, log.lines.length]).toEqual(["at last", 3, 3, 2]);
  });

  test.each([
    ["401", "GET", 1],
    ["html502", "GET", 4],
    ["html502", "POST", 1],
  ])("request() of %p by %s is tried %p times of 4", async (path, method, times) => {
    const client = makeClient({ retry: { attempts: 4, clock: hastyClock(), random: () => 0 } });
    await failureOf(client.request({ path, method, signal: new AbortController().signal, headers: () => ({}) }));
    expect(hits.length).toBe(times);
  });

  test("request() lets the caller read an error out of any JSON answer", async () => {
    const request = {
      path: "ok",
      signal: new AbortController().signal,
      headers: () => ({}),
      explain: () => new NotFoundError("not here"),
    };
    expect((await failureOf(makeClient().request(request))).message).toBe("not here");
  });
});

describe("createHttpClient() before any answer", () => {
  test.each([
    ["ENOTFOUND", "no such name"],
    ["EAI_AGAIN", "the name server does not answer"],
  ])("request() names the DNS hop for %s and tries no more than three times", async (code, text) => {
    let calls = 0;
    const fetch: Fetch = () => {
      calls += 1;
      return Promise.reject(Object.assign(new TypeError("getaddrinfo"), { code }));
    };
    const client = makeClient({
      baseUrl: new URL("https://api.invalid/x"),
      fetch,
      retry: { attempts: 10, clock: hastyClock(), random: () => 0 },
    });
    const error = await failureOf(get(client, "ok"));
    expect([error.code, error.hop, calls]).toEqual(["dns-failed", "dns", 3]);
    expect(error.message).toBe(`Cannot find the address of "api.invalid": ${text}`);
  });

  test("request() names a refused connection, and the proxy when it is the proxy's", async () => {
    const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const url = `http://127.0.0.1:${closed.port}`;
    closed.stop(true);
    const api = await failureOf(get(makeClient({ baseUrl: new URL(url) }), "ok"));
    expect([api.code, api.hop]).toEqual(["connection-refused", "api"]);
    const proxied = await failureOf(get(makeClient({ proxy: { url } }), "ok"));
    expect([proxied.code, proxied.hop]).toEqual(["connection-refused", "proxy-tcp"]);
  });

  test.each([
    ["", "connection-failed", "closed before the answer was complete"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "connection-failed", "closed before the answer was complete"],
    ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "not-http", "does not speak HTTP"],
  ])("request() explains a server that sends %p and closes", async (reply, code, text) => {
    using listener = listen(reply);
    const error = await failureOf(get(makeClient({ baseUrl: new URL(`http://127.0.0.1:${listener.port}/`) }), "ok"));
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  test.each([
    ["good", "tls-unknown-authority", "unknown authority"],
    ["wrong", "tls-wrong-name", "another name"],
    ["expired", "tls-expired", "has expired"],
  ])("request() says what is wrong with the certificate %p", async (name, code, text) => {
    await using tls = await serveTls(name);
    const certificateAuthority = await Bun.file(join(TLS_FOLDER, "authority.pem")).text();
    const trusted = name === "good" ? {} : { certificateAuthority };
    const error = await failureOf(get(makeClient({ baseUrl: tls.url, tls: { verify: true, ...trusted } }), "ok"));
    expect([error.code, error.hop, error.transient]).toEqual([code, "tls", false]);
    expect(error.message).toContain(text);
    const insecure = await get(makeClient({ baseUrl: tls.url, tls: { verify: false } }), "ok");
    expect(insecure.body).toBe("trusted");
  });

  test("request() trusts the user's own authority", async () => {
    await using tls = await serveTls("good");
    const certificateAuthority = await Bun.file(join(TLS_FOLDER, "authority.pem")).text();
    const answer = await get(makeClient({ baseUrl: tls.url, tls: { verify: true, certificateAuthority } }), "ok");
    expect(answer.body).toBe("trusted");
  });

  test("request() says when a port does not speak TLS", async () => {
    const error = await failureOf(get(makeClient({ baseUrl: new URL(`https://127.0.0.1:${server.port}/`) }), "ok"));
    expect([error.code, error.hop]).toEqual(["tls-failed", "tls"]);
  });

  test.each([
    ["HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "proxy-login-refused", "proxy-login"],
    ["HTTP/1.1 401 Wrong\r\nContent-Length: 0\r\n\r\n", "proxy-login-refused", "proxy-login"],
    ["HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "proxy-refused", "proxy-tcp"],
  ])("request() explains a proxy that answers CONNECT with %p", async (reply, code, hop) => {
    using proxy = listen(reply);
    const client = makeClient({
      baseUrl: new URL("https://api.invalid/"),
      proxy: { url: `http://127.0.0.1:${proxy.port}`, authorization: new Secret("Basic dTpw") },
    });
    const error = await failureOf(get(client, "ok"));
    expect([error.code, error.hop]).toEqual([code, hop]);
    expect(proxy.received()).toStartWith("CONNECT api.invalid:443 HTTP/1.1\r\n");
    expect(proxy.received()).toContain("Proxy-Authorization: Basic dTpw\r\n");
  });
});

test("createHttpClient() ignores the proxy variables of the process", async () => {
  const script = `
    import { createHttpClient } from ${JSON.stringify(join(import.meta.dir, "../../src/platforms/http-client.ts"))};
    const client = createHttpClient({ service: "x", baseUrl: new URL(process.argv.at(-1)), proxy: undefined,
      tls: { verify: true }, loginHint: "", tlsHint: "", secrets: [],
      retry: { attempts: 1, clock: undefined, random: Math.random } });
    const answer = await client.request({ path: "ok", signal: new AbortController().signal, headers: () => ({}) });
    process.stdout.write(JSON.stringify(answer.body));`;
  using proxy = listen("HTTP/1.1 500 Proxied\r\nContent-Length: 0\r\n\r\n");
  const url = `http://127.0.0.1:${proxy.port}`;
  const child = Bun.spawn([process.execPath, "-e", script, `http://127.0.0.1:${server.port}/api`], {
    env: { PATH: process.env["PATH"], HTTP_PROXY: url, http_proxy: url, ALL_PROXY: url },
  });
  expect(await new Response(child.stdout).text()).toContain('"path":"/ok"');
  expect(proxy.received()).toBe("");
});

/** A TCP server that answers its first bytes with a fixed reply and closes. */
function listen(reply: string): Disposable & { readonly port: number; readonly received: () => string } {
  let received = "";
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, chunk) => {
        received += chunk.toString("latin1");
        socket.end(reply);
      },
    },
  });
  return { port: listener.port, received: () => received, [Symbol.dispose]: () => listener.stop(true) };
}

async function serveTls(name: string): Promise<AsyncDisposable & { readonly url: URL }> {
  const read = (suffix: string) => Bun.file(join(TLS_FOLDER, `${name}.${suffix}`)).text();
  const tls = { cert: await read("pem"), key: await read("key") };
  const secure = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => Response.json("trusted") });
  return {
    url: new URL(`https://127.0.0.1:${secure.port}/`),
    [Symbol.asyncDispose]: () => secure.stop(true),
  };
}
