import { expect, test } from "bun:test";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { OwnRecord } from "../../src/tunnel/own-record.ts";
import { StartPhase } from "../../src/tunnel/start-phase.ts";
import { makeRecord } from "../support/specs.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext } from "./tunnel-world.ts";

test("the record says what a start is at, and which try failed, until the tunnel is up", async () => {
  await using home = await tempHome();
  const { registry } = makeAppContext({ home: home.path });
  const record = new OwnRecord(makeRecord({ state: "starting" }), registry);
  const phase = new StartPhase(record, SILENT_LOG);
  const written = async (): Promise<string | undefined> => {
    await record.update({});
    return (await registry.find(makeRecord().id))?.phase;
  };
  phase.log.warning("Refused", { attempt: 1, of: 3 });
  expect(await written()).toBeUndefined();
  await phase.enter("asking the platform");
  expect(await written()).toBe("asking the platform");
  phase.log.warning("The token expires soon");
  expect(await written()).toBe("asking the platform");
  phase.log.warning("Refused", { attempt: 1, of: 3 });
  expect(await written()).toBe("asking the platform; try 1 of 3 failed: Refused");
  await phase.enter("reaching the run");
  expect(await written()).toBe("reaching the run");
  phase.log.info("Timed out", { attempt: 2, of: 3 });
  phase.end();
  phase.log.warning("Refused", { attempt: 3, of: 3 });
  expect(await written()).toBe("reaching the run; try 2 of 3 failed: Timed out");
});
