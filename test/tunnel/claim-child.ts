// A process of its own that claims a port, says how it went, and lives until its input ends: `bun claim-child.ts HOME`.
import { AppError } from "../../src/domain/errors.ts";
import { processesOf } from "../../src/os/processes/catalog.ts";
import { claimTunnel } from "../../src/tunnel/claim.ts";
import { makeSpec } from "../support/specs.ts";
import { THIS_SYSTEM } from "../support/this-system.ts";
import { makeAppContext } from "./tunnel-world.ts";

const context = makeAppContext({ home: process.argv[2] ?? "", processes: processesOf(THIS_SYSTEM) });
const conflict = {
  keepExisting: false,
  keepSame: false,
  replaceExisting: false,
  replaceDifferent: false,
  ignoreOwner: false,
};
const wanted = { spec: makeSpec({ run: String(process.pid) }), runName: "run", mode: "background", conflict } as const;
try {
  process.stdout.write(`${(await claimTunnel(wanted, context)).kind}\n`);
} catch (error) {
  process.stdout.write(`${error instanceof AppError ? error.code : error}\n`);
}
await Bun.stdin.text();
