import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, AuthError, NotFoundError, UnreachableError, UsageError } from "../../../src/domain/errors.ts";
import type { Secret } from "../../../src/domain/secret.ts";
import { createCloudPipeline, recogniseRunId } from "../../../src/platforms/cloud-pipeline/cloud-pipeline.ts";
import type { ResolvedRun, ResolveOptions } from "../../../src/platforms/platform.ts";
import { tempHome } from "../../support/temp-home.ts";
import { type ContextWishes, keepingLog, makeContext, makeOptions, rejection } from "../platform-context.ts";
import { type Answers, type ApiDouble, applicationError, GOOD_ANSWERS, READY_RUN, startApi } from "./api-double.ts";
import { goodToken, makeToken } from "./tokens.ts";

const TOKEN = goodToken("CALLER@corp.example");
const { platform, edgeRoute } = createCloudPipeline({ random: () => 0 });

function settingsFor(api: ApiDouble, token: Secret = TOKEN): Readonly<Record<string, string>> {
  return { "cloud-pipeline.api": api.url, "cloud-pipeline.token": token.reveal() };
}

async function resolve(
  answers: Answers,
  options: Partial<ResolveOptions> = {},
  wishes: ContextWishes = {},
): Promise<{ readonly run: ResolvedRun; readonly asked: readonly string[] }> {
  using api = startApi({ ...GOOD_ANSWERS, ...answers }, TOKEN);
  const run = await platform.resolve(
    "12345",
    makeOptions(options),
    makeContext({ settings: settingsFor(api), ...wishes }),
  );
  return { run, asked: api.asked.toSorted() };
}

async function failure(
  answers: Answers,
  options: Partial<ResolveOptions> = {},
  wishes: ContextWishes = {},
): Promise<AppError> {
  const error = await rejection(resolve(answers, options, wishes));
  if (!(error instanceof AppError)) throw error;
  return error;
}

function withRun(members: Readonly<Record<string, unknown>>): Answers {
  return { "run/12345": { ...READY_RUN, ...members } };
}

async function proxyLogin(run: ResolvedRun): Promise<string> {
  const headers = await run.route.via?.headers?.({ method: "CONNECT", target: "h:22", host: "h:22" });
  return Buffer.from((headers?.["Proxy-Authorization"] ?? "").replace("Basic ", ""), "base64").toString();
}

test.each([
  ["56819", "56819"],
  ["pipeline-56819", "56819"],
  ["056819", undefined],
  ["pipeline-", undefined],
  ["my-session", undefined],
  ["10.244.1.2", undefined],
  ["9".repeat(19), undefined],
])("recogniseRunId() of %p is %p", (name, expected) => {
  expect(recogniseRunId(name)).toBe(expected);
  expect(platform.recognise(name)).toEqual(expected === undefined ? undefined : { id: expected, claim: "certain" });
});

describe("resolve()", () => {
  test("finds the way through EDGE and the login of the owner", async () => {
    const { run, asked } = await resolve({});
    expect(run).toMatchObject({
      platform: "cloud-pipeline",
      id: "12345",
      name: "pipeline-12345",
      route: { transport: "http-connect", host: "10.244.1.2", via: { url: "http://edge.example:31081" } },
      ssh: { accounts: ["USER"], system: "linux", administrator: { user: "root" } },
      notes: [],
    });
    expect(run.ssh?.administrator?.password?.reveal()).toBe("run-password");
    expect(await proxyLogin(run)).toBe(`CALLER:${TOKEN.reveal()}`);
    expect(asked).toEqual(["cluster/edge/externalUrl", "run/12345", "run/12345/tasks"]);
    expect(Bun.inspect(run, { depth: 9 }) + JSON.stringify(run)).not.toMatch(/run-password|c2lnbmF0dXJl/);
  });

  test("asks run, tasks and EDGE side by side", async () => {
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const late = (payload: unknown) => async () => {
      waiting += 1;
      if (waiting === 3) gate.resolve();
      await gate.promise;
      return Response.json({ payload, status: "OK" });
    };
    const paths = ["run/12345", "run/12345/tasks", "cluster/edge/externalUrl"];
    const { run } = await resolve(Object.fromEntries(paths.map((path) => [path, late(GOOD_ANSWERS[path])])));
    expect(run.route.host).toBe("10.244.1.2");
  });

  test("does not wait for EDGE to say that a run has ended", async () => {
    const never = () => new Promise(() => {});
    const error = await failure({ ...withRun({ status: "STOPPED" }), "cluster/edge/externalUrl": never });
    expect(error.code).toBe("run-ended");
  });

  test("with --direct goes straight to the pod and asks for no EDGE", async () => {
    const { run, asked } = await resolve({}, { direct: true });
    expect(run.route).toEqual({ transport: "direct", host: "10.244.1.2" });
    expect(asked).toEqual(["run/12345", "run/12345/tasks"]);
  });

  test("sends the region in a form the server reads", async () => {
    const { run } = await resolve({ "cluster/edge/externalUrl?region=eu": "http://eu.example" }, { region: "eu" });
    expect(run.route.via?.url).toBe("http://eu.example:80");
  });

  test("takes EDGE from the client's variables and then asks nobody", async () => {
    const environment = { CP_CLI_TUNNEL_PROXY_HOST: "10.9.8.7", CP_CLI_TUNNEL_PROXY_PORT: "8282" };
    const { run, asked } = await resolve({}, {}, { environment });
    expect(run.route.via?.url).toBe("http://10.9.8.7:8282");
    expect(asked).toEqual(["run/12345", "run/12345/tasks"]);
  });

  test.each([
    ["NONE", {}, true],
    ["MyTask", { "run/12345/tasks": [{ name: "MyTask", status: "SUCCESS" }] }, true],
    ["MyTask", {}, false],
  ])("waits for the task CP_SSH_INIT_TASK_NAME=%p with %p", async (name, answers, isReady) => {
    const wishes = { environment: { CP_SSH_INIT_TASK_NAME: name } };
    if (isReady) expect((await resolve(answers, {}, wishes)).run.id).toBe("12345");
    else expect((await failure(answers, {}, wishes)).message).toContain(`its task "${name}" has not begun`);
  });

  test.each([
    ["sensitive", withRun({ sensitive: true }), AuthError, "run-sensitive"],
    ["paused", withRun({ status: "PAUSED" }), UnreachableError, "run-paused"],
    ["without machine", withRun({ instance: { spot: false } }), UnreachableError, "run-scheduled"],
    ["without address", withRun({ podIP: undefined }), UnreachableError, "run-no-address"],
    ["without tasks", { "run/12345/tasks": null }, UnreachableError, "run-not-initialised"],
    ["unknown", { "run/12345": undefined }, NotFoundError, "run-not-found"],
    ["forbidden", { "run/12345": applicationError("Access is denied") }, AuthError, "run-access-denied"],
    ["without EDGE", { "cluster/edge/externalUrl": null }, UnreachableError, "no-edge"],
    ["an odd answer", { "run/12345": [1] }, UnreachableError, "answer-not-understood"],
    ["no envelope", { "run/12345": Response.json({ hello: 1 }) }, UnreachableError, "answer-not-understood"],
    ["trouble", { "run/12345": applicationError("Your operation has been aborted") }, UnreachableError, "api-error"],
    ["a web page", { "run/12345": new Response("<title>Portal</title>") }, UnreachableError, "not-json"],
    [
      "a gateway error",
      { "run/12345": new Response("<title>502</title>", { status: 502 }) },
      UnreachableError,
      "service-unavailable",
    ],
  ] as const)("refuses a run that is %s", async (_name, answers, type, code) => {
    const error = await failure(answers);
    expect(error).toBeInstanceOf(type);
    expect(error.code).toBe(code);
  });

  test("knows an error in JSON with another status than 200", async () => {
    const body = { message: "Pipeline with requested id: '12,345' was not found.", status: "ERROR" };
    expect((await failure({ "run/12345": Response.json(body, { status: 404 }) })).code).toBe("run-not-found");
    expect((await failure({ "run/12345": new Response("nginx", { status: 404 }) })).code).toBe("no-such-address");
  });

  test("never repeats what the server says about the token", async () => {
    const error = await failure({ "run/12345": applicationError(`Bad token ${TOKEN.reveal()}`) });
    expect(error.message).toContain("Bad token [redacted]");
  });
});

describe("resolve() of SSH access", () => {
  const NO_MODE = { pipelineRunParameters: undefined };
  const PREFERENCE = "preferences/system.ssh.default.root.user.enabled";

  test.each([
    ["the preference", withRun(NO_MODE), ["root"], PREFERENCE],
    ["the preference false", { ...withRun(NO_MODE), [PREFERENCE]: { value: "false" } }, ["USER"], PREFERENCE],
    ["no preference", { ...withRun(NO_MODE), [PREFERENCE]: applicationError("not found") }, ["root"], PREFERENCE],
    [
      "mode user",
      withRun({ pipelineRunParameters: [{ name: "CP_CAP_SSH_MODE", value: "user" }] }),
      ["CALLER"],
      "whoami",
    ],
  ])("by %s", async (_name, answers, accounts, call) => {
    const { run, asked } = await resolve(answers);
    expect([run.ssh?.accounts, asked.includes(call), asked.length]).toEqual([accounts, true, 4]);
  });

  test("is not looked up where nobody will log in", async () => {
    const { run, asked } = await resolve(withRun(NO_MODE), { sshWanted: false });
    expect([run.ssh, asked.length]).toEqual([undefined, 3]);
  });

  test("is absent, with a note, for those without SSH rights", async () => {
    const { run } = await resolve(withRun({ sshPassword: undefined }));
    expect(run.ssh).toBeUndefined();
    expect(run.notes.join()).toContain("You have no SSH rights on run 12345");
  });

  const WORKER = withRun({
    sshPassword: "worker-password",
    pipelineRunParameters: [
      { name: "parent-id", value: "777" },
      { name: "CP_CAP_SHARE_USERS", value: "true" },
    ],
  });

  test("of a worker uses the password of its parent", async () => {
    const { run } = await resolve({ ...WORKER, "run/777": { ...READY_RUN, id: 777, sshPassword: "parent-password" } });
    expect(run.ssh?.administrator?.password?.reveal()).toBe("parent-password");
  });

  test.each([
    ["gone", undefined],
    ["not ours", applicationError("Access is denied")],
    ["without password", { ...READY_RUN, sshPassword: undefined }],
  ])("of a worker whose parent is %s is absent, with a note", async (_name, parent) => {
    const { run } = await resolve({ ...WORKER, "run/777": parent });
    expect(run.ssh).toBeUndefined();
    expect(run.notes.join()).toContain("takes its password from run 777");
  });
});

describe("resolve() with credentials", () => {
  test("refuses an expired token before any call", async () => {
    const token = makeToken({ sub: "U", exp: 1 });
    using api = startApi(GOOD_ANSWERS, token);
    const context = makeContext({ settings: settingsFor(api, token) });
    const error = await rejection(platform.resolve("12345", makeOptions(), context));
    expect(error).toMatchObject({ exitCode: 4, code: "token-expired" });
    expect(api.asked).toEqual([]);
  });

  test("explains a token that the server refuses, at once", async () => {
    using api = startApi(GOOD_ANSWERS, goodToken("SOMEBODY"));
    const context = makeContext({ settings: settingsFor(api) });
    const error = await rejection(platform.resolve("12345", makeOptions({ retries: 5 }), context));
    expect(error).toMatchObject({ exitCode: 4, code: "login-refused", hop: "api-login" });
    expect(api.asked.filter((path) => path === "run/12345")).toHaveLength(1);
  });

  test.each([
    [{}, UsageError, "No address of Cloud Pipeline"],
    [{ "cloud-pipeline.api": "https://x.example" }, AuthError, "No access token"],
    [{ "cloud-pipeline.api": "x.example", "cloud-pipeline.token": "t" }, UsageError, "is not a web address"],
  ])("with settings %p says what is missing", async (settings, type, message) => {
    const error = await rejection(platform.resolve("12345", makeOptions(), makeContext({ settings })));
    expect(error).toBeInstanceOf(type);
    expect(String(error)).toContain(message);
  });

  test("reads a refused login as one, however the server words it", async () => {
    const body = { message: "Full authentication is required", status: "ERROR" };
    const error = await failure({ "run/12345": Response.json(body, { status: 401 }) });
    expect(error).toMatchObject({ exitCode: 4, code: "login-refused" });
  });

  test("never repeats another user's token either", async () => {
    const other = goodToken("OTHER@corp.example");
    const page = new Response(`<title>Trouble with ${other.reveal()}</title>`, { status: 500 });
    using api = startApi(
      { ...GOOD_ANSWERS, "user/token?name=OTHER": { token: other.reveal() }, "run/12345": page },
      TOKEN,
      other,
    );
    const context = makeContext({ settings: settingsFor(api) });
    const error = await rejection(platform.resolve("12345", makeOptions({ actAs: "OTHER" }), context));
    expect(String(error)).toContain("Trouble with [redacted]");
  });

  test("acts as another user with that user's token everywhere, EDGE included", async () => {
    const other = goodToken("OTHER@corp.example");
    using api = startApi({ ...GOOD_ANSWERS, "user/token?name=OTHER%40corp": { token: other.reveal() } }, TOKEN, other);
    const context = makeContext({ settings: settingsFor(api) });
    const run = await platform.resolve("12345", makeOptions({ actAs: "OTHER@corp" }), context);
    expect(await proxyLogin(run)).toBe(`OTHER:${other.reveal()}`);
    expect(api.tokens.map((token) => token === other.reveal())).toEqual([false, true, true, true]);
  });

  test("says that acting as others is for administrators", async () => {
    const error = await failure({ "user/token": applicationError("Access is denied") }, { actAs: "OTHER" });
    expect(error).toMatchObject({ exitCode: 4, code: "admins-only" });
    expect(error.message).toContain("for administrators only");
  });

  test.each([
    [{ retries: 4 }, {}, 4],
    [{}, { CP_CLI_API_CALL_RETRY_ATTEMPTS: "2" }, 2],
    [{}, { CP_CLI_API_CALL_RETRY_ATTEMPTS: "many" }, 3],
  ])("tries a failing call by %p and %p %p times", async (options, environment, times) => {
    const log = keepingLog();
    using api = startApi({ ...GOOD_ANSWERS, "run/12345": new Response("", { status: 503 }) }, TOKEN);
    const context = makeContext({ settings: settingsFor(api), environment, log });
    await rejection(platform.resolve("12345", makeOptions(options), context));
    expect(api.asked.filter((path) => path === "run/12345")).toHaveLength(times);
    expect(log.lines.join()).not.toContain(TOKEN.reveal());
  });

  test("sees a token that was renewed in the client's file", async () => {
    await using home = await tempHome();
    const renewed = goodToken("NEW");
    using api = startApi(GOOD_ANSWERS, TOKEN, renewed);
    const context = makeContext({ homeFolder: home.path });
    await mkdir(join(home.path, ".pipe"));
    for (const token of [TOKEN, renewed]) {
      await Bun.write(
        join(home.path, ".pipe/config.json"),
        JSON.stringify({ api: api.url, access_key: token.reveal() }),
      );
      const run = await platform.resolve("12345", makeOptions(), context);
      expect(await proxyLogin(run)).toEndWith(token.reveal());
    }
  });
});

describe("isConfigured()", () => {
  test.each([
    [undefined, false],
    ['{"api":"https://x","access_key":null}', false],
    ['{"api":"https://x","access_key":"t"}', true],
    ['{"api":"https:', true],
  ])("with the client file %p is %p", async (text, expected) => {
    await using home = await tempHome();
    if (text !== undefined) await Bun.write(join(home.path, ".pipe/config.json"), text);
    expect(await platform.isConfigured(makeContext({ homeFolder: home.path }))).toBe(expected);
  });
});

describe("describeConfiguration()", () => {
  test("names sources and masks secrets", async () => {
    await using home = await tempHome();
    const path = join(home.path, ".pipe/config.json");
    const file = {
      api: "https://u:pw@x.example/restapi",
      access_key: TOKEN.reveal(),
      proxy: "http://u:pw@p.example:1",
    };
    await Bun.write(path, JSON.stringify(file));
    const rows = await platform.describeConfiguration(makeContext({ homeFolder: home.path }));
    expect(rows).toEqual([
      { key: "cloud-pipeline.api", value: "https://[redacted]@x.example/restapi", source: path },
      {
        key: "cloud-pipeline.token",
        value: "eyJ...(jwt of CALLER@corp.example, expires 2025-10-24 10:00 UTC)",
        source: path,
      },
      { key: "cloud-pipeline.proxy", value: "http://[redacted]@p.example:1", source: path },
      { key: "cloud-pipeline.ca-file", source: "not set" },
      { key: "cloud-pipeline.insecure", source: "not set" },
    ]);
  });

  test("says in place of values that the file is broken", async () => {
    await using home = await tempHome();
    await Bun.write(join(home.path, ".pipe/config.json"), "{");
    const rows = await platform.describeConfiguration(makeContext({ homeFolder: home.path }));
    expect(rows.map((row) => row.source).join()).toContain("is not complete JSON");
  });
});

describe("edgeRoute()", () => {
  test("leads to any host of the cluster with one call", async () => {
    using api = startApi(GOOD_ANSWERS, TOKEN);
    const context = makeContext({ settings: settingsFor(api) });
    const route = await edgeRoute("10.244.9.9", makeOptions(), context);
    expect(route).toMatchObject({
      transport: "http-connect",
      host: "10.244.9.9",
      via: { url: "http://edge.example:31081" },
    });
    expect(api.asked).toEqual(["cluster/edge/externalUrl"]);
    expect(await edgeRoute("h", makeOptions({ direct: true }), context)).toEqual({ transport: "direct", host: "h" });
  });
});
