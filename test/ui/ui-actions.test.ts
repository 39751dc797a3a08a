import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { UsageError } from "../../src/domain/errors.ts";
import { Registry } from "../../src/registry/store.ts";
import { UiActions } from "../../src/tunnel/ui/ui-actions.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeProcesses } from "../support/fake-processes.ts";
import { tempHome } from "../support/temp-home.ts";
import { makeAppContext } from "../tunnel/tunnel-world.ts";

class CountingRegistry extends Registry {
  looks = 0;

  override list(): ReturnType<Registry["list"]> {
    this.looks += 1;
    return super.list();
  }
}

function toStartOptions(): never {
  throw new UsageError("Not of this test");
}

describe("UiActions", () => {
  test("look once for pages that ask at the same time", async () => {
    await using home = await tempHome();
    const clock = new FakeClock();
    const processes = new FakeProcesses();
    const registry = new CountingRegistry({ stateFolder: join(home.path, "state"), processes, clock });
    const actions = new UiActions(makeAppContext({ home: home.path, clock, processes, registry }), {
      version: "1",
      configFile: "/none",
      toStartOptions,
    });
    await Promise.all([actions.state(0), actions.state(0)]);
    expect(registry.looks).toBe(1);
    await clock.advance(1000);
    await actions.state(0);
    expect(registry.looks).toBe(2);
  });
});
