// A process of its own that serves the tunnel of a record, as a background tunnel does: `bun serve-child.ts HOME ID`.
import { processesOf } from "../../src/os/processes/catalog.ts";
import { serveTunnel } from "../../src/tunnel/serve.ts";
import { THIS_SYSTEM } from "../support/this-system.ts";
import { makeAppContext } from "./tunnel-world.ts";

const controller = new AbortController();
process.on("SIGTERM", () => controller.abort());
const [home = "", id = ""] = process.argv.slice(2);
const context = makeAppContext({ home, processes: processesOf(THIS_SYSTEM), signal: controller.signal });
try {
  await serveTunnel(id, context, () => undefined);
} catch (error) {
  process.stderr.write(`${error}\n`);
  process.exitCode = 1;
}
