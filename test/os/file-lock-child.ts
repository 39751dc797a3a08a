// One of many processes that count in a file under a lock: argv is folder, rounds, and what becomes of it.
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../src/os/atomic-file.ts";
import { withFileLock } from "../../src/os/file-lock.ts";
import { linuxProcesses } from "../../src/os/processes/linux.ts";
import { systemClock } from "../../src/os/system-clock.ts";

const [folder = "", rounds = "0", fate = "lives"] = process.argv.slice(2);
const processes = linuxProcesses();
const counter = join(folder, "counter");
const inside = join(folder, "inside");

for (let round = 1; round <= Number(rounds); round += 1) {
  await withFileLock(
    join(folder, "lock"),
    {
      self: processes.self(),
      isAlive: processes.isAlive,
      machine: "here",
      clock: systemClock(),
      timeoutMs: 120_000,
    },
    async () => {
      enter();
      const count = Number(readFileSync(counter, "utf8"));
      await replaceFile(counter, String(count + 1));
      appendFileSync(join(folder, "journal"), `${process.pid}\n`);
      if (fate === "dies" && round === Number(rounds)) process.kill(process.pid, "SIGKILL");
      rmSync(inside);
    },
  );
}

/** Leaves a mark inside the lock; finding the mark of a living process there means that two hold it. */
function enter(): void {
  const mark = readMark();
  if (mark !== undefined && processes.isAlive(JSON.parse(mark))) appendFileSync(join(folder, "overlaps"), `${mark}\n`);
  writeFileSync(inside, JSON.stringify(processes.self()));
}

function readMark(): string | undefined {
  try {
    return readFileSync(inside, "utf8");
  } catch {
    return undefined;
  }
}
