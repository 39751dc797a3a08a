// Many tunnels, random faults and random commands against the compiled executable and a sandbox, for as long as asked
// (`--minutes N`, default 10; `--seed N` repeats the order). Ends with figures, and with code 1 at the first broken promise.
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Soak } from "./soak/soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(randomBytes(4).readUInt32LE()) },
  },
});

const built = spawnSync(process.execPath, [join(import.meta.dir, "build.ts")], { stdio: "inherit" });
if (built.status !== 0) process.exit(1);
const folder = await mkdtemp(join(tmpdir(), "runtunnel-soak-"));
const seed = createHash("sha256").update(values.seed).digest().readUInt32LE();
const soak = new Soak({ folder, seed, durationMs: Number(values.minutes) * 60_000, say: (line) => console.log(line) });
console.log(`Soak of ${values.minutes} minutes, seed ${values.seed}`);
try {
  await soak.run();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await soak.close();
  await rm(folder, { recursive: true, force: true });
}
process.exit();
