import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { ConflictFlags } from "../../src/domain/conflict.ts";
import type { TunnelSpec } from "../../src/domain/tunnel-spec.ts";
import { decodeRecord, encodeRecord, type TunnelRecord } from "../../src/registry/record.ts";
import { claimTunnel, runSlug, type Wanted } from "../../src/tunnel/claim.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { makeIdentity, makeRecord, makeSpec } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext } from "./tunnel-world.ts";

// Real processes on a loaded machine.
setDefaultTimeout(60_000);

const REFUSE: ConflictFlags = {
  keepExisting: false,
  keepSame: false,
  replaceExisting: false,
  replaceDifferent: false,
  ignoreOwner: false,
};

const ANY_PORT = [{ local: 0, remote: 22 }];

function wanted(spec: Partial<TunnelSpec> = {}, flags: Partial<ConflictFlags> = {}): Wanted {
  return { spec: makeSpec(spec), runName: "pipeline-56819", mode: "background", conflict: { ...REFUSE, ...flags } };
}

function ignoring(): Wanted {
  const { conflict: _, ...rest } = wanted();
  return rest;
}

/** What a claim answers where these tunnels exist. Process 101 lives. */
async function claim(existing: readonly Partial<TunnelRecord>[], want: Wanted): Promise<string> {
  await using home = await tempHome();
  const context = makeAppContext({ home: home.path, processes: new FakeProcesses(makeIdentity(101)) });
  for (const [index, record] of existing.entries()) {
    await context.registry.write(makeRecord({ id: `existing-${index}`, ...record }));
  }
  const outcome = await claimTunnel(want, context);
  switch (outcome.kind) {
    case "created":
      return "created";
    case "kept":
      return `kept ${outcome.record.id}`;
    case "replace":
      return `replace ${outcome.records.map(({ id }) => id).join(" ")}`;
  }
}

describe("claimTunnel()", () => {
  test("writes a record that says whose the ports are", async () => {
    await using home = await tempHome();
    const context = makeAppContext({ home: home.path });
    const outcome = await claimTunnel({ ...wanted(), logFile: "/tmp/x.log" }, context);
    expect(outcome).toMatchObject({
      kind: "created",
      record: { state: "starting", owner: "ada", machine: "desk", launcher: makeIdentity(100), logFile: "/tmp/x.log" },
    });
    const { records } = await context.registry.list();
    expect(records).toEqual(outcome.kind === "created" ? [outcome.record] : []);
  });

  test.each<[string, readonly Partial<TunnelRecord>[], Wanted, string]>([
    ["a tunnel on another port", [{ spec: makeSpec({ ports: [{ local: 1, remote: 22 }] }) }], wanted(), "created"],
    ["a dead tunnel", [{ process: makeIdentity(999) }], wanted(), "created"],
    ["a tunnel on another machine", [{ machine: "laptop", process: makeIdentity(101, "7") }], wanted(), "created"],
    ["a tunnel that got another port", [{ boundPorts: [{ local: 4568, remote: 22 }] }], wanted(), "created"],
    ["a wish for any port", [{}], wanted({ ports: [{ local: 0, remote: 22 }] }), "created"],
    ["the same tunnel and -ks", [{}], wanted({}, { keepSame: true }), "kept existing-0"],
    [
      "the same tunnel, still starting, and -ks",
      [{ state: "starting" }],
      wanted({}, { keepSame: true }),
      "kept existing-0",
    ],
    [
      "the same tunnel on the port that the system chose, a wish for any port and -ks",
      [{ spec: makeSpec({ ports: ANY_PORT }), boundPorts: [{ local: 40_123, remote: 22 }] }],
      wanted({ ports: ANY_PORT }, { keepSame: true }),
      "kept existing-0",
    ],
    [
      "the same tunnel on the port that the system chose, that port and -ks",
      [{ spec: makeSpec({ ports: ANY_PORT }), boundPorts: [{ local: 40_123, remote: 22 }] }],
      wanted({ ports: [{ local: 40_123, remote: 22 }] }, { keepSame: true }),
      "kept existing-0",
    ],
    [
      "the same tunnel on another port than the preferred one and -ks",
      [{ spec: makeSpec({ portFallback: true }), boundPorts: [{ local: 40_123, remote: 22 }] }],
      wanted({ portFallback: true }, { keepSame: true }),
      "kept existing-0",
    ],
    ["the same tunnel, a wish for any port and no flag", [{}], wanted({ ports: ANY_PORT }), "created"],
    [
      "the same tunnel, a wish for any port and -ke",
      [{}],
      wanted({ ports: ANY_PORT }, { keepExisting: true }),
      "created",
    ],
    [
      "a tunnel to another run, a wish for any port and -ks",
      [{}],
      wanted({ run: "7", ports: ANY_PORT }, { keepSame: true }),
      "created",
    ],
    [
      "a tunnel to another remote port, a wish for any port and -ks",
      [{}],
      wanted({ ports: [{ local: 0, remote: 23 }] }, { keepSame: true }),
      "created",
    ],
    [
      "the same tunnel of another user, a wish for any port and -ks",
      [{ owner: "ben" }],
      wanted({ ports: ANY_PORT }, { keepSame: true }),
      "created",
    ],
    ["a different tunnel and -rd", [{}], wanted({ run: "7" }, { replaceDifferent: true }), "replace existing-0"],
    [
      "two tunnels in the range and -re",
      [{}, { spec: makeSpec({ ports: [{ local: 4568, remote: 22 }] }) }],
      wanted(
        {
          ports: [
            { local: 4567, remote: 1 },
            { local: 4568, remote: 2 },
          ],
        },
        { replaceExisting: true },
      ),
      "replace existing-0 existing-1",
    ],
    ["anything and --ignore-existing", [{}], ignoring(), "created"],
  ])("meets %s", async (_what, existing, want, expected) => {
    expect(await claim(existing, want)).toBe(expected);
  });

  test.each<[string, Partial<TunnelRecord>, Wanted, string, string]>([
    ["the same tunnel", {}, wanted(), "The same tunnel already exists on local port 4567", "--keep-same"],
    [
      "a different one",
      {},
      wanted({ run: "7" }),
      "A different tunnel, to pipeline-56819, already exists on local port 4567",
      "--replace-different",
    ],
    [
      "the same of another user",
      { owner: "ben" },
      wanted(),
      "The same tunnel already exists on local port 4567 and belongs to user ben, not to ada",
      'stop it with "runtunnel stop -lp 4567 --ignore-owner"',
    ],
    [
      "a different one of another user and -re",
      { owner: "ben" },
      wanted({ run: "7" }, { replaceExisting: true }),
      "belongs to user ben, not to ada",
      "--ignore-owner",
    ],
  ])("refuses where there is %s and says what to do", async (_what, existing, want, message, hint) => {
    await expect(claim([existing], want)).rejects.toMatchObject({
      exitCode: 3,
      code: "tunnel-exists",
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
  });

  test("gives one port to exactly one of twenty who ask at once", async () => {
    await using home = await tempHome();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        claimTunnel(wanted({ run: String(index) }), makeAppContext({ home: home.path })),
      ),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "tunnel-exists" });
    }
    expect((await makeAppContext({ home: home.path }).registry.list()).records.length).toBe(1);
  });

  test("gives one port to exactly one of several processes", async () => {
    await using home = await tempHome();
    const children = Array.from({ length: 6 }, () =>
      Bun.spawn({
        cmd: [process.execPath, join(import.meta.dir, "claim-child.ts"), home.path],
        stdin: "pipe",
        stdout: "pipe",
      }),
    );
    const answers = await Promise.all(
      children.map(async (child) => {
        const { value } = await child.stdout.getReader().read();
        return new TextDecoder().decode(value).trim();
      }),
    );
    for (const child of children) await child.stdin.end();
    await Promise.all(children.map((child) => child.exited));
    expect(answers.sort()).toEqual(["created", ...Array.from({ length: 5 }, () => "tunnel-exists")]);
  });

  test("gives all of twenty their own ports", async () => {
    await using home = await tempHome();
    const context = makeAppContext({ home: home.path });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        claimTunnel(wanted({ ports: [{ local: 5000 + index, remote: 22 }] }), context),
      ),
    );
    expect(outcomes.every(({ kind }) => kind === "created")).toBe(true);
    expect((await context.registry.list()).records.length).toBe(20);
  });
});

test.each([
  ["56819", "56819"],
  ["My_Session.v2", "my-session-v2"],
  ["fd00::1", "fd00-1"],
  ["10.244.1.2", "10-244-1-2"],
  ["../../etc", "etc"],
  ["---", "run"],
  ["セッション", "run"],
  ["a".repeat(100), "a".repeat(40)],
])("runSlug() makes a part of a file name of %j", async (run, slug) => {
  expect(runSlug(run)).toBe(slug);
  await using home = await tempHome();
  const outcome = await claimTunnel(wanted({ run }), makeAppContext({ home: home.path }));
  if (outcome.kind !== "created") throw new Error("Not created");
  expect(decodeRecord(encodeRecord(outcome.record), "x").id).toStartWith(`${slug}-`);
});
