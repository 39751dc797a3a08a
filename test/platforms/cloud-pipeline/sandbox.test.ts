// The platform against the embedded platform, which was written from the documentation alone.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import { createCloudPipeline } from "../../../src/platforms/cloud-pipeline/cloud-pipeline.ts";
import type { PlatformContext } from "../../../src/platforms/platform.ts";
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts";
import { type TempHome, tempHome } from "../../support/temp-home.ts";
import { makeContext, makeOptions, rejection } from "../platform-context.ts";

const { platform } = createCloudPipeline();
let home: TempHome;
let sandbox: Sandbox;

beforeAll(async () => {
  home = await tempHome();
  sandbox = await startSandbox({ log: SILENT_LOG, folder: home.path });
});

afterAll(async () => {
  await sandbox.close();
  await home[Symbol.asyncDispose]();
});

function contextOf(environment: Readonly<Record<string, string>> = sandbox.environment): PlatformContext {
  return makeContext({ environment, now: Date.now() });
}

test("resolve() finds the ready run and a way that EDGE accepts", async () => {
  const run = await platform.resolve("1001", makeOptions(), contextOf());
  expect(run.route.transport).toBe("http-connect");
  expect(run.ssh?.administrator?.password?.reveal()).toBeString();
  const headers = await run.route.via?.headers?.({ method: "CONNECT", target: "", host: "" });
  const login = headers?.["Proxy-Authorization"] ?? "";
  expect(await connectLine(run.route.via?.url ?? "", `${run.route.host}:22`, login)).toStartWith("HTTP/1.1 200 ");
  expect(await connectLine(run.route.via?.url ?? "", `${run.route.host}:22`, "Basic eDp5")).toStartWith("HTTP/1.1 401");
});

test.each([
  ["1002", "run-sensitive"],
  ["1003", "run-not-initialised"],
  ["1004", "run-paused"],
  ["424242", "run-not-found"],
])("resolve() refuses run %s with %s", async (id, code) => {
  expect(await rejection(platform.resolve(id, makeOptions(), contextOf()))).toMatchObject({ code });
});

test("resolve() gives a worker the password of its parent", async () => {
  const worker = await platform.resolve("1006", makeOptions(), contextOf());
  expect(worker.ssh?.administrator?.password?.reveal()).toBeString();
});

test("resolve() acts as others for administrators only", async () => {
  const options = makeOptions({ actAs: "FRIEND@corp.example" });
  expect(await rejection(platform.resolve("1001", options, contextOf()))).toMatchObject({ code: "admins-only" });
  const admin = contextOf({ ...sandbox.environment, API_TOKEN: sandbox.adminToken });
  const run = await platform.resolve("1001", makeOptions({ actAs: "USER@corp.example" }), admin);
  expect(run.name).toBe("pipeline-1001");
});

/** First line that a CONNECT proxy answers. */
function connectLine(proxy: string, target: string, login: string): Promise<string> {
  const { hostname, port } = new URL(proxy);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  void Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => {
        socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: ${login}\r\n\r\n`);
      },
      data: (socket, chunk) => {
        resolve(chunk.toString("latin1").split("\r\n")[0] ?? "");
        socket.terminate();
      },
      error: (_socket, error) => reject(error),
      close: () => reject(new Error("closed without an answer")),
    },
  }).catch(reject);
  return promise;
}
