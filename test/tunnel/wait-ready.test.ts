import { describe, expect, test } from "bun:test";
import type { BackgroundProcess } from "../../src/os/background/start-background.ts";
import type { TunnelRecord } from "../../src/registry/record.ts";
import { waitUntilReady } from "../../src/tunnel/wait-ready.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { makeRecord } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext, type TestContext } from "./tunnel-world.ts";

type Exit = { readonly code: number | null; readonly signal: string | null };

/** Waits on a fake clock for a tunnel that a test plays; `play` gets the means to do so. */
async function wait(
  play: (parts: {
    readonly clock: FakeClock;
    readonly write: (wishes: Partial<TunnelRecord>) => Promise<void>;
    readonly exit: (exit: Exit) => void;
    readonly interrupt: () => void;
  }) => Promise<void>,
  timeoutMs = 60_000,
): Promise<{ readonly outcome: unknown; readonly context: TestContext }> {
  await using home = await tempHome();
  const clock = new FakeClock();
  const controller = new AbortController();
  const context = makeAppContext({ home: home.path, clock, signal: controller.signal });
  const exited = Promise.withResolvers<Exit>();
  const child: BackgroundProcess = { pid: 101, exited: exited.promise, release() {}, kill() {} };
  const outcome = waitUntilReady(makeRecord().id, child, timeoutMs, context).catch((error) => error);
  await play({
    clock,
    write: (wishes) => context.registry.write(makeRecord({ state: "starting", logFile: "/logs/x.log", ...wishes })),
    exit: exited.resolve,
    interrupt: () => controller.abort(),
  });
  return { outcome: await clock.runUntil(outcome), context };
}

describe("waitUntilReady()", () => {
  test("returns the record once it is ready, and tells what is going on until then", async () => {
    const { outcome, context } = await wait(async ({ clock, write }) => {
      await write({ phase: "asking the platform" });
      await clock.runUntil(Bun.file("/dev/null").text());
      await clock.advance(2000);
      await write({ state: "ready" });
    });
    expect(outcome).toMatchObject({ state: "ready", id: makeRecord().id });
    expect(context.updates[0]).toMatch(/^(starting|asking the platform) \(0ms\)$/);
  });

  test("throws what the background process wrote down", async () => {
    const failure = {
      message: "Token refused",
      code: "token",
      exitCode: 4,
      hop: "api-login",
      hint: "Renew it",
    } as const;
    const { outcome } = await wait(async ({ write }) => write({ state: "failed", failure }));
    expect(outcome).toMatchObject({ name: "CarriedError", ...failure });
  });

  test.each<[Exit, string]>([
    [{ code: 7, signal: null }, "with code 7"],
    [{ code: null, signal: "SIGKILL" }, "by signal SIGKILL"],
  ])("names the log of a process that ended with %j", async (exit, how) => {
    const { outcome } = await wait(async (parts) => {
      await parts.write({});
      parts.exit(exit);
    });
    expect(outcome).toMatchObject({
      code: "background-died",
      message: expect.stringContaining(how),
      hint: "Read its log: /logs/x.log",
    });
  });

  test("believes the last record of a process that has ended", async () => {
    const failure = { message: "Port taken", code: "local-port-taken", exitCode: 3 };
    const { outcome } = await wait(async ({ write, exit }) => {
      await write({ state: "failed", failure });
      exit({ code: 3, signal: null });
    });
    expect(outcome).toMatchObject({ exitCode: 3, code: "local-port-taken" });
  });

  test("gives up in time and says how far it came", async () => {
    const { outcome } = await wait(async ({ write }) => write({ phase: "reaching run-1" }), 1500);
    expect(outcome).toMatchObject({
      code: "start-timeout",
      exitCode: 6,
      message: "The tunnel was not up within 1.5s; it was still reaching run-1",
    });
  });

  test("ends when it is interrupted", async () => {
    const { outcome } = await wait(async ({ interrupt }) => interrupt());
    expect(outcome).toMatchObject({ exitCode: 130 });
  });
});
