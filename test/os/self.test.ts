import { expect, test } from "bun:test";
import { selfCommand } from "../../src/os/self.ts";

// The compiled half is tested with the executable itself, in test/e2e.
test("selfCommand() is the runtime and the script, not the arguments", () => {
  expect(selfCommand()).toEqual([process.execPath, Bun.main]);
});
