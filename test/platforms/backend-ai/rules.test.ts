// The pure parts: names, versions, problems, matches, keys, gateways.
import { describe, expect, test } from "bun:test";
import { Secret } from "../../../src/domain/secret.ts";
import { chooseApiVersion, hasWrappedGraphQl, runWord } from "../../../src/platforms/backend-ai/api-version.ts";
import { parseGateway } from "../../../src/platforms/backend-ai/app-proxy.ts";
import { type App, containerPort, defaultPort } from "../../../src/platforms/backend-ai/apps.ts";
import { recogniseSession } from "../../../src/platforms/backend-ai/backend-ai.ts";
import { explainProblem, type ProblemContext } from "../../../src/platforms/backend-ai/problem.ts";
import { extractPrivateKey } from "../../../src/platforms/backend-ai/session-key.ts";
import { decideMatch } from "../../../src/platforms/backend-ai/sessions.ts";
import { encryptBody } from "../../../src/platforms/backend-ai/web-login.ts";
import { decodeWebSession, encodeWebSession } from "../../../src/platforms/backend-ai/web-session.ts";

test.each([
  ["3F2504E0-4F89-41D3-9A0C-0305E82C3301", { id: "3f2504e0-4f89-41d3-9a0c-0305e82c3301", claim: "certain" }],
  ["my-session", { id: "my-session", claim: "likely" }],
  ["train_01", { id: "train_01", claim: "likely" }],
  ["node.example", { id: "node.example", claim: "possible" }],
  ["abc", undefined],
  ["-session", undefined],
  ["session-", undefined],
  ["a b c d", undefined],
  ["x".repeat(65), undefined],
] as const)("recogniseSession() of %s", (name, expected) => {
  expect(recogniseSession(name)).toEqual(expected);
});

describe("API versions", () => {
  test.each([
    ["v9.20250722", "v9.20250722"],
    ["v8.20240315", "v8.20240315"],
    ["v8.20241231", "v8.20240915"],
    ["v12.20300101", "v9.20250722"],
    ["v4.20190315", "v4.20190315"],
    ["v1.20160101", "v6.20220615"],
    ["nonsense", "v6.20220615"],
    [undefined, "v6.20220615"],
  ])("chooseApiVersion() for a server of %s is %s", (server, chosen) => {
    expect(chooseApiVersion(server)).toBe(chosen);
  });

  test("runWord() is kernel up to version 4", () => {
    expect([runWord("v4.20190615"), runWord("v5.20191215"), runWord("v9.20250722")]).toEqual([
      "kernel",
      "session",
      "session",
    ]);
  });

  test("hasWrappedGraphQl() from 2021-08 on", () => {
    expect([hasWrappedGraphQl("v6.20200815"), hasWrappedGraphQl("v6.20220315")]).toEqual([false, true]);
  });
});

describe("decideMatch()", () => {
  const row = (status: string, id = "1") => ({ id, name: "s", status });
  test.each([
    [[], "none"],
    [[row("RUNNING")], "ready"],
    [[row("RUNNING_DEGRADED")], "ready"],
    [[row("SOMETHING_NEW")], "ready"],
    [[row("PULLING"), row("TERMINATED")], "pending"],
    [[row("TERMINATED"), row("RUNNING")], "ready"],
    [[row("CANCELLED")], "ended"],
    [[row("TERMINATING")], "ended"],
    [[row("RUNNING"), row("PENDING", "2")], "ambiguous"],
  ])("%j is %s", (rows, kind) => {
    expect(decideMatch(rows).kind).toBe(kind as never);
  });
});

describe("ports of an app", () => {
  const sshd: App = { name: "sshd", protocol: "tcp", ports: [2200] };
  const web: App = { name: "web", protocol: "http", ports: [8080, 8081] };
  test("containerPort() takes 22 for sshd, own ports for all, and nothing else", () => {
    expect([containerPort(sshd, 22), containerPort(sshd, 2200), containerPort(web, 8081)]).toEqual([2200, 2200, 8081]);
    expect(() => containerPort(sshd, 80)).toThrow('App "sshd" has no port 80');
    expect(() => containerPort(web, 22)).toThrow('App "web" has no port 22');
    expect(containerPort({ ...web, ports: [] }, 22)).toBe(22);
  });

  test("defaultPort() is what users would name", () => {
    expect([defaultPort(sshd), defaultPort(web), defaultPort({ ...web, ports: [] })]).toEqual([22, 8080, undefined]);
  });
});

describe("explainProblem()", () => {
  const context: ProblemContext = {
    action: "Cannot find it",
    status: 400,
    clockSkewMs: 0,
    identity: "access key A",
    usesWebLogin: false,
    secrets: [new Secret("s3cr3t")],
  };
  const probs = (suffix: string) => `https://api.backend.ai/probs/${suffix}`;
  test.each([
    [401, { type: probs("auth-failed"), title: "Credential/signature mismatch." }, {}, "login-refused", "mismatch"],
    [
      400,
      { type: probs("invalid-auth-params"), title: "T", msg: "Date/time sync error" },
      {},
      "bad-signature-form",
      "sync",
    ],
    [400, { type: probs("invalid-auth-params"), title: "T" }, { clockSkewMs: 9e6 }, "clock-skew", "2h 30m ahead of"],
    [401, { type: probs("auth-failed"), title: "T" }, { clockSkewMs: -9e5 }, "clock-skew", "15m behind"],
    [401, { type: probs("auth-failed"), title: "T" }, { usesWebLogin: true }, "login-expired", "has expired"],
    [404, { type: probs("object-not-found"), title: "No such session." }, {}, "no-such-run", "no such session"],
    [
      404,
      { type: probs("x"), title: "Gone", error_code: "session_read_not-found" },
      {},
      "no-such-run",
      "no such session",
    ],
    [404, { type: probs("object-not-found"), title: "No such app service." }, {}, "no-such-app", "No such app"],
    [404, { type: probs("generic-not-found"), title: "Unknown URL path." }, {}, "not-found", "Unknown URL path"],
    [
      404,
      { type: probs("too-many-sessions-matched"), title: "T", data: { matches: [{ id: "1" }] } },
      {},
      "ambiguous-run",
      "several",
    ],
    [429, { type: probs("rate-limit-exceeded"), title: "T" }, {}, "too-many-requests", "limit of API calls"],
    [
      500,
      { type: probs("app-service-start-failed"), title: "T", data: "no space" },
      {},
      "app-start-failed",
      "no space",
    ],
    [503, { type: probs("server-frozen"), title: "T" }, {}, "maintenance", "T"],
    [
      400,
      { type: probs("generic-bad-request"), title: "Bad request.", msg: "Unsupported API version." },
      {},
      "api-version",
      "Unsupported",
    ],
    [500, { type: probs("internal"), title: "secret s3cr3t\u001b[0m" }, {}, "server-error", "secret [redacted] [0m"],
  ] as const)("of %d %j", (status, body, other, code, text) => {
    const error = explainProblem(body, { ...context, ...other, status });
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(text);
    expect(error?.hop).toBeDefined();
  });

  test.each([
    [200, { title: "fine", type: "x" }],
    [400, "text"],
    [400, {}],
    [500, [1]],
  ] as const)("is silent on %d %j", (status, body) => {
    expect(explainProblem(body, { ...context, status })).toBeUndefined();
  });
});

describe("extractPrivateKey()", () => {
  const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
  test.each([
    [pem, pem],
    [`junk\u0000${pem}`, pem],
    [pem.replaceAll("\n", "\r\n"), pem],
    [pem.trimEnd(), pem],
    ["-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----\n", undefined],
    ["", undefined],
  ])("of %j", (text, expected) => {
    expect(extractPrivateKey(text)).toBe(expected);
  });
});

test("encryptBody() gives the published text", () => {
  const body = '{"username":"user@example.com","password":"pw"}';
  expect(encryptBody(body, "http://10.0.0.5:8090", "ABCDEFGHIJKLMNOP")).toBe(
    "ABCDEFGHIJKLMNOP:dnJCbn8NDl2LESpwE3EnO8iQ6KseD33y7Jx0Lq58mfd5h4zz7VmlbEoLqsFkvsMl",
  );
});

test("decodeWebSession() reads what encodeWebSession() wrote", () => {
  const session = { endpoint: "https://x", user: "u", sessionId: new Secret("id"), accessKey: "A", expiresAt: 5 };
  const text = encodeWebSession(session);
  expect(String(text)).toBe("[redacted]");
  const read = decodeWebSession({ value: text.reveal(), source: "file" });
  expect(read).toMatchObject({ endpoint: "https://x", user: "u", accessKey: "A", expiresAt: 5 });
  expect(read.sessionId.reveal()).toBe("id");
  expect(() =>
    decodeWebSession({ value: '{"version":1,"endpoint":"x","user":"u","session":"a\\r\\nb"}', source: "f" }),
  ).toThrow();
});

describe("parseGateway()", () => {
  test("reads host and port out of the worker's answer", () => {
    const redirect =
      "http://localhost:45678/start?directTCP=true&auth=x&proto=tcp&gateway=tcp%3A%2F%2Fapp.example%3A10205";
    expect(parseGateway({ redirect })).toEqual({ host: "app.example", port: 10_205 });
    expect(parseGateway({ redirectURI: redirect.replace("app.example", "%5B%3A%3A1%5D") }).host).toBe("::1");
  });

  test.each([
    "",
    "http://localhost/start",
    "http://localhost/?gateway=http%3A%2F%2Fx",
    "http://l/?gateway=tcp%3A%2F%2Fx",
  ])("refuses %j", (redirect) => {
    expect(() => parseGateway({ redirect })).toThrow();
  });
});
