import { expect, test } from "bun:test";
import { join } from "node:path";
import { findDescriptorShortage } from "../../src/streams/descriptors.ts";
import { canCountSockets } from "../support/open-sockets.ts";

test("findDescriptorShortage() finds none where there is none", () => {
  expect(findDescriptorShortage()).toBeUndefined();
});

test.skipIf(!canCountSockets)("connectTcp() tells a lack of descriptors from a refusal", async () => {
  const source = join(import.meta.dir, "../../src/streams");
  const script = `
    import { connectTcp } from "${source}/tcp-connect.ts";
    import { listenTcp } from "${source}/tcp-listener.ts";
    const { port } = listenTcp({ host: "127.0.0.1", port: 0, onConnection: () => {} });
    const streams = [];
    try {
      for (;;) {
        const options = { signal: new AbortController().signal, timeoutMs: 5000, hop: "remote-port" };
        streams.push(await connectTcp({ host: "127.0.0.1", port }, options));
      }
    } catch (error) {
      console.log(error.code);
    }
    process.exit(0);
  `;
  const child = Bun.spawn(["sh", "-c", 'ulimit -n 64 && exec "$0" -e "$1"', process.execPath, script], {
    stdout: "pipe",
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("no-room-for-connection");
});
