import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/domain/errors.ts";
import { recogniseSession } from "../../src/platforms/backend-ai/backend-ai.ts";
import { recogniseRunId } from "../../src/platforms/cloud-pipeline/cloud-pipeline.ts";
import { recogniseHost } from "../../src/platforms/plain-host/plain-host.ts";
import type { Platform } from "../../src/platforms/platform.ts";
import { identifyRun, possibleReferences } from "../../src/tunnel/identify-run.ts";
import { makeContext } from "../platforms/platform-context.ts";
import { makePlatform } from "./tunnel-world.ts";

const SESSION = "4a7f9f5e-7f4c-4a51-9d39-2f0f6b0d6f11";

/** The three platforms with their real readings of names; `configured` lists prefixes. */
function platformsWith(configured: string): readonly Platform[] {
  const platform = (name: string, prefix: string, title: string, recognise: Platform["recognise"]): Platform =>
    makePlatform({
      name,
      prefix,
      title,
      recognise,
      isConfigured: async () => configured.split(" ").includes(prefix),
    });
  return [
    platform("cloud-pipeline", "cp", "Cloud Pipeline", (name) => {
      const id = recogniseRunId(name);
      return id === undefined ? undefined : { id, claim: "certain" };
    }),
    platform("backend-ai", "bai", "Backend.AI", recogniseSession),
    platform("host", "host", "Plain host", recogniseHost),
  ];
}

const ALL = "cp bai host";
const NO_SESSIONS = "cp host";

async function identify(name: string, configured = ALL, forced?: string): Promise<string> {
  const { platform, id } = await identifyRun(name, forced, platformsWith(configured), makeContext());
  return `${platform} ${id}`;
}

describe("identifyRun()", () => {
  test.each([
    ["56819", ALL, "cloud-pipeline 56819"],
    ["pipeline-56819", ALL, "cloud-pipeline 56819"],
    ["56819", "bai host", "cloud-pipeline 56819"],
    [SESSION, ALL, `backend-ai ${SESSION}`],
    [SESSION.toUpperCase(), ALL, `backend-ai ${SESSION}`],
    [SESSION, "cp", `backend-ai ${SESSION}`],
    ["my-session", ALL, "backend-ai my-session"],
    ["my-session", NO_SESSIONS, "host my-session"],
    ["my_session.v2", ALL, "host my_session.v2"],
    ["10.244.1.2", ALL, "host 10.244.1.2"],
    ["fd00::1", ALL, "host fd00::1"],
    ["[fd00::1]", ALL, "host fd00::1"],
    ["::1", ALL, "host ::1"],
    ["node1.cluster.local", ALL, "host node1.cluster.local"],
    ["NODE1.cluster.local.", ALL, "host node1.cluster.local"],
    ["localhost", NO_SESSIONS, "host localhost"],
    ["cp:56819", ALL, "cloud-pipeline 56819"],
    ["cp:pipeline-56819", ALL, "cloud-pipeline 56819"],
    ["bai:my-session", NO_SESSIONS, "backend-ai my-session"],
    ["bai:12345", ALL, "backend-ai 12345"],
    ["host:10.244.1.2", ALL, "host 10.244.1.2"],
    ["host:fd00::1", ALL, "host fd00::1"],
    ["host:my-session", ALL, "host my-session"],
  ])("reads %s (configured: %s) as %s", async (name, configured, expected) => {
    expect(await identify(name, configured)).toBe(expected);
  });

  test.each([
    ["my-session", "host", "host my-session"],
    ["12345", "backend-ai", "backend-ai 12345"],
    ["12345", "bai", "backend-ai 12345"],
    ["bai:12345", "backend-ai", "backend-ai 12345"],
    ["pipeline-7", "cloud-pipeline", "cloud-pipeline 7"],
    ["cp:7", "cp", "cloud-pipeline 7"],
  ])("reads %s with --platform %s as %s", async (name, forced, expected) => {
    expect(await identify(name, ALL, forced)).toBe(expected);
  });

  test.each([
    ["", undefined, "empty"],
    ["  ", undefined, "empty"],
    ["a b", undefined, "not a run id, a session name or a host"],
    ["10.0.0.1:22", undefined, "not a run id"],
    ["-x", undefined, "not a run id"],
    ["a/b", undefined, "not a run id"],
    ["cp:my-session", undefined, "not a name of a run on Cloud Pipeline"],
    ["host:10.0.0.300", undefined, "not a name of a run on Plain host"],
    ["my-session", "cloud-pipeline", "not a name of a run on Cloud Pipeline"],
    ["cp:56819", "host", "not a name of a run on Plain host"],
    ["56819", "slurm", 'There is no platform "slurm"'],
  ])("refuses %j with platform %p", async (name, forced, message) => {
    const outcome = identify(name, ALL, forced);
    await expect(outcome).rejects.toThrow(UsageError);
    await expect(outcome).rejects.toThrow(message);
  });

  test("says how to decide where a name fits two configured platforms equally well", async () => {
    const twins = ["one", "two"].map((name) =>
      makePlatform({ name, prefix: name, title: `The ${name}`, recognise: (id) => ({ id, claim: "certain" }) }),
    );
    await expect(identifyRun("56819", undefined, twins, makeContext())).rejects.toMatchObject({
      code: "ambiguous-run",
      exitCode: 2,
      message: '"56819" may be a run on The one and The two',
      hint: "Write one:56819 or two:56819, or add --platform one|two",
    });
  });

  test("asks no platform whether it is configured where one is certain", async () => {
    const asking = platformsWith(ALL).map((platform) => ({
      ...platform,
      isConfigured: () => Promise.reject(new Error("asked")),
    }));
    expect(await identifyRun("56819", undefined, asking, makeContext())).toEqual({
      platform: "cloud-pipeline",
      id: "56819",
    });
  });
});

describe("possibleReferences()", () => {
  const read = (name: string, forced?: string): readonly string[] =>
    possibleReferences(name, forced, platformsWith("")).map(({ platform, id }) => `${platform} ${id}`);

  test("gives every reading, whatever is configured", () => {
    expect(read("my-session")).toEqual(["backend-ai my-session", "host my-session"]);
    expect(read("pipeline-5")).toContain("cloud-pipeline 5");
    expect(read("a b")).toEqual([]);
  });

  test("keeps to the platform of a prefix or of --platform", () => {
    expect(read("host:my-session")).toEqual(["host my-session"]);
    expect(read("my-session", "host")).toEqual(["host my-session"]);
    expect(() => read("x", "slurm")).toThrow(UsageError);
  });
});
