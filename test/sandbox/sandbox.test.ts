// The sandbox as a whole: what it exports, how it is controlled, how the API misbehaves.
import { expect, test } from "bun:test";
import { UnreachableError, UsageError } from "../../src/domain/errors.ts";
import { controlSandbox } from "../../src/sandbox/control.ts";
import { askApi, connectEdge, connectRequest, openSandbox } from "./sandbox-fixture.ts";

test("startSandbox() exports what a client needs and nothing it does not serve", async () => {
  await using sandbox = await openSandbox();
  expect(Object.keys(sandbox.environment)).toEqual([
    "API",
    "API_TOKEN",
    "BACKEND_ENDPOINT",
    "BACKEND_ACCESS_KEY",
    "BACKEND_SECRET_KEY",
    "RUNTUNNEL_SANDBOX",
  ]);
  expect(sandbox.environment["API"]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/pipeline\/restapi\/$/);
  const edge = JSON.parse(await askApi(sandbox, "cluster/edge/externalUrl"));
  expect(edge).toEqual({ payload: sandbox.edgeUrl, status: "OK" });
  const claims = JSON.parse(Buffer.from(sandbox.token.split(".")[1] ?? "", "base64url").toString());
  expect(Object.keys(claims)).toEqual(["sub", "jti", "iat", "exp", "user_id", "org_unit_id", "groups", "roles"]);
});

test("startSandbox() takes fixed ports back after a restart", async () => {
  let ports: { apiPort: number; edgePort: number };
  {
    await using first = await openSandbox();
    ports = { apiPort: Number(new URL(first.apiUrl).port), edgePort: Number(new URL(first.edgeUrl).port) };
    await expect(openSandbox(ports)).rejects.toThrow("Cannot listen on 127.0.0.1 port");
  }
  // A start that fails on EDGE's port must give the API's back.
  using blocker = Bun.listen({ hostname: "127.0.0.1", port: ports.edgePort, socket: { data() {} } });
  await expect(openSandbox(ports)).rejects.toThrow(`port ${ports.edgePort}`);
  blocker.stop(true);
  await using second = await openSandbox(ports);
  expect(Number(new URL(second.edgeUrl).port)).toBe(ports.edgePort);
});

test("close() may be called twice and refuses afterwards", async () => {
  const sandbox = await openSandbox();
  await sandbox.close();
  await sandbox[Symbol.asyncDispose]();
  await expect(askApi(sandbox, "whoami")).rejects.toThrow();
  using client = connectEdge(sandbox);
  expect(await client.receiveAll()).toBe("");
});

test.each([
  [["pause", "1001"], "1001 PAUSED 10.244.1.2"],
  [["stop", "pipeline-1001"], "1001 STOPPED 10.244.1.2"],
  [["state", "1001", "success"], "1001 SUCCESS 10.244.1.2"],
  [["resume", "1001", "10.244.9.9"], "1001 RUNNING 10.244.9.9"],
  [["restart", "1001"], "1001 RUNNING 10.244.200.2"],
  [["task", "1001", "missing"], "1001 RUNNING 10.244.1.2"],
  [["edge", "mute"], "EDGE: mute"],
  [["api", "hang"], "API: hang"],
  [["faults", "none"], "EDGE: none"],
  [["expire-token"], "All tokens have expired"],
])("controlSandbox() carries out %j", async (words, answer) => {
  await using sandbox = await openSandbox();
  expect(await controlSandbox(sandbox.environment["RUNTUNNEL_SANDBOX"] ?? "", words)).toBe(answer);
});

test.each([
  [[], "Unknown sandbox command"],
  [["constructor"], "Unknown sandbox command"],
  [["pause"], 'Cannot read run ""'],
  [["pause", "77"], "The sandbox has no run 77"],
  [["state", "1001", "HAPPY"], 'Cannot read run state "HAPPY"'],
  [["edge", "split"], 'Cannot read EDGE fault "split"'],
  [["api", "dance"], 'Cannot read API fault "dance"'],
  [["resume", "1001", "10.244.1.3"], "Pod address 10.244.1.3 is taken"],
])("controlSandbox() refuses %j", async (words, message) => {
  await using sandbox = await openSandbox();
  const refused = controlSandbox(sandbox.environment["RUNTUNNEL_SANDBOX"] ?? "", words);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toBeInstanceOf(UsageError);
});

test("controlSandbox() says when there is no sandbox, and needs its secret", async () => {
  const sandbox = await openSandbox();
  const url = sandbox.environment["RUNTUNNEL_SANDBOX"] ?? "";
  await expect(controlSandbox(`${url}x`, ["status"])).rejects.toThrow("Not found");
  expect((await controlSandbox(url, ["status"])).split("\n")[0]).toBe("1001 RUNNING 10.244.1.2");
  await sandbox[Symbol.asyncDispose]();
  await expect(controlSandbox(url, ["status"])).rejects.toBeInstanceOf(UnreachableError);
});

test("a resumed run answers under its new address only", async () => {
  await using sandbox = await openSandbox();
  const dial = (podIp: string): ReturnType<typeof connectEdge> =>
    connectEdge(sandbox).write(connectRequest(`${podIp}:7`, sandbox.token));
  await sandbox.setRunState(1001, "PAUSED");
  using paused = dial("10.244.1.2");
  expect(await paused.receiveAll()).toStartWith("HTTP/1.1 401 ");
  await sandbox.control(["resume", "1001"]);
  const { payload } = JSON.parse(await askApi(sandbox, "run/1001"));
  expect(payload).toMatchObject({ status: "RUNNING", podIP: "10.244.200.2" });
  using stale = dial("10.244.1.2");
  expect(await stale.receiveAll()).toStartWith("HTTP/1.1 401 ");
  using fresh = dial("10.244.200.2");
  await fresh.receive((text) => text.startsWith("HTTP/1.1 200 "));
});

test("expired tokens are refused by API and EDGE alike, and new ones are not", async () => {
  await using sandbox = await openSandbox();
  await sandbox.control(["expire-token"]);
  expect(await askApi(sandbox, "whoami")).toContain('"status":401');
  using refused = connectEdge(sandbox);
  refused.write(connectRequest("10.244.1.2:7", sandbox.token));
  expect(await refused.receiveAll()).toStartWith("HTTP/1.1 401 ");
  const token = await sandbox.control(["token", "user", "3600"]);
  expect(await askApi(sandbox, "whoami", { token })).toContain("USER@corp.example");
  using client = connectEdge(sandbox);
  client.write(connectRequest("10.244.1.2:7", token));
  await client.receive((text) => text.startsWith("HTTP/1.1 200 "));
});

test.each([
  ["html502", 502, "<h1>HTTP Status 502 - Bad Gateway</h1>"],
  ["garbage", 200, '{"payload": '],
  ["error", 200, '"status":"ERROR"'],
])("the API misbehaves on command: %s", async (fault, status, text) => {
  await using sandbox = await openSandbox();
  await sandbox.control(["api", fault]);
  const response = await fetch(`${sandbox.apiUrl}whoami`);
  expect(response.status).toBe(status);
  expect(await response.text()).toContain(text);
});

test("the API redirects, hangs, drops connections and goes away on command, and comes back", async () => {
  await using sandbox = await openSandbox();
  const url = `${sandbox.apiUrl}whoami`;
  await sandbox.control(["api", "redirect"]);
  const redirect = await fetch(url, { redirect: "manual" });
  expect([redirect.status, redirect.headers.get("location")]).toEqual([302, "/pipeline/login.html"]);
  await sandbox.control(["api", "hang"]);
  await expect(fetch(url, { signal: AbortSignal.timeout(50) })).rejects.toThrow("timed out");
  await sandbox.control(["api", "close"]);
  await expect(fetch(url)).rejects.toThrow();
  await sandbox.control(["faults", "none"]);
  await sandbox.control(["api", "down"]);
  await expect(fetch(url)).rejects.toThrow();
  // EDGE cannot ask either.
  using refused = connectEdge(sandbox);
  refused.write(connectRequest("10.244.1.2:7", sandbox.token));
  expect(await refused.receiveAll()).toStartWith("HTTP/1.1 401 ");
  await sandbox.control(["api", "up"]);
  expect(await askApi(sandbox, "whoami")).toContain("USER@corp.example");
});

test("preferences and tasks change on command", async () => {
  await using sandbox = await openSandbox();
  await sandbox.control(["preference", "system.ssh.default.root.user.enabled", "false"]);
  expect(await askApi(sandbox, "preferences/system.ssh.default.root.user.enabled")).toContain('"value":"false"');
  await sandbox.control(["task", "1003", "SUCCESS"]);
  expect(await askApi(sandbox, "run/1003/tasks")).toContain('"status":"SUCCESS"');
  expect(await askApi(sandbox, "run/1003")).toContain('"initialized":true');
});
