import { describe, expect, test } from "bun:test";
import { appendFile, mkdir, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LogsOptions, showLogs } from "../../src/tunnel/logs.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { makeRecord, makeSpec } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext } from "./tunnel-world.ts";

const OPTIONS: LogsOptions = { run: "1", lines: 100, follow: false };

/** What `logs` prints of this text. */
async function tail(text: string, lines: number): Promise<string> {
  await using home = await tempHome();
  const context = makeAppContext({ home: home.path });
  const logFile = join(home.path, "x.log");
  await writeFile(logFile, text);
  await context.registry.write(makeRecord({ logFile, spec: makeSpec({ platform: "test", run: "1" }) }));
  let printed = "";
  await showLogs({ ...OPTIONS, lines }, context, (part) => {
    printed += part;
  });
  return printed;
}

describe("showLogs()", () => {
  test.each([
    ["a\nb\nc\n", 100, "a\nb\nc\n"],
    ["a\nb\nc\n", 2, "b\nc\n"],
    ["a\nb\nc\n", 0, ""],
    ["", 5, ""],
    ["a\nhalf", 1, "a\nhalf"],
    ["é\n", 1, "é\n"],
  ])("prints of %j the last %d lines", async (text, lines, printed) => {
    expect(await tail(text, lines)).toBe(printed);
  });

  test("reads the end of a huge log alone", async () => {
    const printed = await tail(`${"x".repeat(99)}\n`.repeat(100_000), 1_000_000);
    expect(printed.length).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(printed).toEndWith(`${"x".repeat(99)}\n`);
  });

  test("goes on with what is written, also after the file was begun anew", async () => {
    await using home = await tempHome();
    const clock = new FakeClock();
    const controller = new AbortController();
    const context = makeAppContext({ home: home.path, clock, signal: controller.signal });
    const logFile = join(home.path, "x.log");
    await writeFile(logFile, "old\n");
    await context.registry.write(makeRecord({ logFile, spec: makeSpec({ platform: "test", run: "1" }) }));
    let printed = "";
    const seen = async (text: string): Promise<void> => {
      while (!printed.endsWith(text)) await clock.advance(200);
    };
    const following = showLogs({ ...OPTIONS, follow: true }, context, (part) => {
      printed += part;
    });
    await seen("old\n");
    await appendFile(logFile, "new\n");
    await seen("new\n");
    await truncate(logFile);
    await clock.advance(1000);
    await appendFile(logFile, "anew\n");
    await seen("anew\n");
    controller.abort();
    await following;
    expect(printed).toBe("old\nnew\nanew\n");
  });

  test("finds the newest log that tunnels to the run have left", async () => {
    await using home = await tempHome();
    const context = makeAppContext({ home: home.path });
    const folder = join(home.path, "state", "logs");
    await mkdir(folder, { recursive: true });
    const leave = async (name: string, atSeconds: number): Promise<void> => {
      await writeFile(join(folder, name), `${name}\n`);
      await utimes(join(folder, name), atSeconds, atSeconds);
    };
    await leave("1-00000001.log", 100);
    await leave("1-00000002.log", 300);
    await leave("1-00000003.log", 200);
    await leave("11-00000004.log", 400);
    await leave("1-notahex.log", 500);
    let printed = "";
    await showLogs(OPTIONS, context, (part) => {
      printed += part;
    });
    expect(printed).toBe("1-00000002.log\n");
    await expect(showLogs({ ...OPTIONS, run: "2" }, context, () => undefined)).rejects.toMatchObject({
      exitCode: 5,
      code: "no-log",
    });
  });

  test("says so where the log is gone", async () => {
    await using home = await tempHome();
    const context = makeAppContext({ home: home.path });
    const record = makeRecord({ logFile: join(home.path, "gone.log"), spec: makeSpec({ platform: "test", run: "1" }) });
    await context.registry.write(record);
    await expect(showLogs(OPTIONS, context, () => undefined)).rejects.toMatchObject({ exitCode: 5, code: "no-log" });
  });
});
