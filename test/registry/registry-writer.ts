// A process of its own that writes one record again and again: `bun registry-writer.ts FOLDER ID TIMES`.
import { processesOf } from "../../src/os/processes/catalog.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import { Registry } from "../../src/registry/store.ts";
import { makeRecord } from "../support/specs.ts";
import { THIS_SYSTEM } from "../support/this-system.ts";

const [stateFolder = "", id = "", times = "0"] = process.argv.slice(2);

const registry = new Registry({ stateFolder, processes: processesOf(THIS_SYSTEM), clock: systemClock() });
for (let turn = 0; turn < Number(times); turn += 1) {
  const phase = `${process.pid}-${turn} `;
  await registry.write(makeRecord({ id, phase, runName: phase.repeat(1000) }));
}
