// Runs inside a mount of one megabyte: fills it, and reports what replaceFile() and a log make of that.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../src/domain/errors.ts";
import { replaceFile } from "../../src/os/atomic-file.ts";
import { openLogFile } from "../../src/os/log-file.ts";

const folder = process.argv[2] ?? "";
const path = join(folder, "file");
const logPath = join(folder, "log");

await replaceFile(path, "old");
const log = openLogFile(logPath);
log.write("before");
fill(join(folder, "filler"));

const error = await replaceFile(path, "x".repeat(100_000)).catch((reason: unknown) => reason);
// Longer than what is left of the log's last block.
log.write("lost ".repeat(2000));
log.write("lost too ".repeat(2000));
const left = readdirSync(folder)
  .filter((name) => name !== "log")
  .sort();
rmSync(join(folder, "filler"));
log.write("after");
await log.close();

const lines = readFileSync(logPath, "utf8").split("\n");
process.stdout.write(
  JSON.stringify({
    code: error instanceof AppError ? error.code : String(error),
    content: readFileSync(path, "utf8"),
    left,
    log: lines.filter((line) => line !== "" && !line.startsWith("lost")),
  }),
);

/** Takes everything there is, down to the last page. */
function fill(filler: string): void {
  for (let size = 64 * 1024; size >= 1; size = Math.floor(size / 16)) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: "a" });
    } catch {
      // Full for this size; a smaller piece may still fit.
    }
  }
}
