// The demonstration is the first thing many people run: it must hold, and show what it promises.
import { expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { requirePeer } from "../support/peers.ts";
import { Scratch } from "./support/scratch.ts";
import { runClient } from "./support/ssh-clients.ts";

setDefaultTimeout(120_000);

test.skipIf(process.platform !== "linux" || !requirePeer("ssh", "scp"))(
  "the demo ends with 0, has shown each step, and leaves nothing in the home of whoever runs it",
  async () => {
    await using user = await Scratch.create();
    const demo = await runClient([process.execPath, resolve(import.meta.dir, "../../scripts/demo.ts")], {
      env: { HOME: user.home },
    });
    expect(demo.stderr).toBe("");
    expect(demo.exitCode, demo.stdout).toBe(0);
    for (const step of ["$ runtunnel start 1001 -lp 0 -rp 22 --ssh", "$ ssh pipeline-1001", "$ runtunnel stop 1001"]) {
      expect(demo.stdout).toContain(step);
    }
    expect(demo.stdout).not.toContain("NOT OK");
    expect(demo.stdout).toEndWith("Everything held.\n");
    // Bun keeps a cache of its own when the demo has to build first.
    await user.expectNothingLeft(/^\.bun\//);
  },
);
