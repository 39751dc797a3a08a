// Listing runs: what is asked for, page by page, and what lists make of the answers.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SILENT_LOG } from "../../../src/domain/log.ts";
import { createCloudPipeline } from "../../../src/platforms/cloud-pipeline/cloud-pipeline.ts";
import type { Fetch } from "../../../src/platforms/http-client.ts";
import type { RunList, RunQuery } from "../../../src/platforms/platform.ts";
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts";
import { type TempHome, tempHome } from "../../support/temp-home.ts";
import { makeContext, rejection } from "../platform-context.ts";
import { applicationError, READY_RUN } from "./api-double.ts";
import { goodToken } from "./tokens.ts";

const NEVER = new AbortController().signal;

describe("list() in the sandbox", () => {
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

  const list = async (query: Partial<RunQuery> = {}, token?: string): Promise<RunList> => {
    const environment = { ...sandbox.environment, ...(token === undefined ? {} : { API_TOKEN: token }) };
    const context = makeContext({ environment, now: Date.now() });
    const found = await platform.list?.({ ended: false, limit: 100, ...query }, context, NEVER);
    if (found === undefined) throw new Error("The platform lists no runs");
    return found;
  };

  test("finds live runs, newest first, with what they mean for a tunnel", async () => {
    const { runs, isComplete } = await list();
    const phases = Object.fromEntries(runs.map(({ id, phase }) => [id, phase]));
    expect(phases).toMatchObject({
      "1001": "ready",
      "1002": "closed",
      "1003": "waiting",
      "1004": "paused",
      "1007": "waiting",
      "1012": "ready",
    });
    expect(phases).not.toHaveProperty("1013");
    expect(runs[0]).toEqual({
      id: "75376",
      name: "pipeline-75376",
      state: "RUNNING",
      phase: "ready",
      owner: "USER@corp.example",
      image: "registry/library/centos:7",
      startedAt: "2024-10-24T10:00:00.000Z",
    });
    expect(runs.map(({ id }) => Number(id))).toEqual(runs.map(({ id }) => Number(id)).sort((a, b) => b - a));
    expect(isComplete).toBe(true);
  });

  test("finds runs that others share, and none that they do not", async () => {
    const ids = (await list()).runs.map(({ id }) => id);
    expect(ids).toContain("1017");
    expect(ids).not.toContain("1015");
  });

  test("leaves an administrator's view of everybody's runs aside", async () => {
    expect((await list({ ended: true }, sandbox.adminToken)).runs).toEqual([]);
  });

  test("includes runs that are over on request", async () => {
    const { runs } = await list({ ended: true });
    expect(runs.filter(({ phase }) => phase === "ended").map(({ id }) => id)).toEqual(["1018", "1014", "1013"]);
  });

  test("says that there are more than the limit", async () => {
    const { runs, isComplete } = await list({ limit: 3 });
    expect(runs.map(({ id }) => id)).toEqual(["75376", "56819", "1017"]);
    expect(isComplete).toBe(false);
  });
});

describe("list() over many pages", () => {
  type Asked = { readonly path: string; readonly page: number; readonly pageSize: number; readonly owners: unknown };

  /** A server with so many runs of ours; `total` is what it claims. */
  function serve(count: number, total = count): { readonly fetch: Fetch; readonly asked: Asked[] } {
    const asked: Asked[] = [];
    const fetch: Fetch = async (url, init) => {
      const body = JSON.parse(String(init.body));
      const path = new URL(url).pathname.replace(/^.*restapi\//, "");
      asked.push({ path, page: body.page, pageSize: body.pageSize, owners: body.owners });
      if (path === "services") return applicationError("Operation is not supported");
      const first = (body.page - 1) * body.pageSize;
      const ids = Array.from({ length: count }, (_, index) => 10_000 - index).slice(first, first + body.pageSize);
      const elements = ids.map((id) => ({ ...READY_RUN, id }));
      return Response.json({
        payload: { ...(elements.length === 0 ? {} : { elements }), totalCount: total },
        status: "OK",
      });
    };
    return { fetch, asked };
  }

  const list = async (fetch: Fetch, limit: number): Promise<RunList | undefined> => {
    const { platform } = createCloudPipeline({ fetch, random: () => 0 });
    const settings = {
      "cloud-pipeline.api": "https://pipeline.example/pipeline/restapi",
      "cloud-pipeline.token": goodToken().reveal(),
    };
    return platform.list?.({ ended: false, limit }, makeContext({ settings }), NEVER);
  };

  test("asks for page after page with our own name, and works where shared runs cannot be listed", async () => {
    const { fetch, asked } = serve(250);
    const found = await list(fetch, 1000);
    expect([found?.runs.length, found?.isComplete]).toEqual([250, true]);
    const pages = asked.filter(({ path }) => path === "run/filter");
    expect(pages.map(({ page }) => page)).toEqual([1, 2, 3]);
    expect(new Set(pages.map(({ owners }) => JSON.stringify(owners)))).toEqual(new Set(['["USER@corp.example"]']));
  });

  test("ends where the server promises runs that never come", async () => {
    const { fetch, asked } = serve(120, 100_000);
    expect((await list(fetch, 1000))?.runs).toHaveLength(120);
    expect(asked.filter(({ path }) => path === "run/filter")).toHaveLength(2);
  });

  test("stops at the limit, whatever the server has", async () => {
    const { fetch, asked } = serve(5000);
    const found = await list(fetch, 150);
    expect([found?.runs.length, found?.isComplete]).toEqual([150, false]);
    expect(asked.filter(({ path }) => path === "run/filter")).toHaveLength(2);
  });

  test.each([
    ["a list that is none", { payload: { elements: "none" }, status: "OK" }],
    ["a run without status", { payload: { elements: [{ id: 1 }] }, status: "OK" }],
  ])("refuses %s", async (_what, body) => {
    const fetch: Fetch = async () => Response.json(body);
    expect(await rejection(Promise.resolve(list(fetch, 10)))).toMatchObject({ code: "answer-not-understood" });
  });
});
