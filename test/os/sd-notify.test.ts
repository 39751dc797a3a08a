import { describe, expect, test } from "bun:test";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { openNotifier, renderNotice, type ServiceNotice, SILENT_NOTIFIER } from "../../src/os/sd-notify.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { tempHome } from "../support/temp-home.ts";

describe("renderNotice()", () => {
  const rows: readonly (readonly [ServiceNotice, string])[] = [
    [{ ready: true, status: "all\nwell " }, "STATUS=all well \nREADY=1\n"],
    [{ reloading: true, status: "x" }, "RELOADING=1\nMONOTONIC_USEC=123\nSTATUS=x\n"],
    [{ stopping: true, extendTimeoutMs: 1500 }, "STOPPING=1\nEXTEND_TIMEOUT_USEC=1500000\n"],
    [{ watchdog: true }, "WATCHDOG=1\n"],
    [{}, ""],
  ];
  test.each(rows)("%j", (notice, text) => {
    expect(renderNotice(notice, () => 123n)).toBe(text);
  });
});

const hasReceiver = process.platform === "linux" && requirePeer("socat");

describe.skipIf(!hasReceiver)("openNotifier()", () => {
  /** What socat received on the socket, as one text. */
  const receive = async (socat: string, socket: string, isBound: () => Promise<void>): Promise<string> => {
    const receiver = Bun.spawn(["socat", "-u", socat, "-"], { stdout: "pipe", stderr: "ignore" });
    const notifier = openNotifier(socket);
    try {
      await eventually(isBound);
      notifier.notify({ ready: true, status: "grüße" });
      notifier.notify({ reloading: true });
      const decoder = new TextDecoder();
      let text = "";
      for await (const chunk of receiver.stdout) {
        text += decoder.decode(chunk, { stream: true });
        if (/MONOTONIC_USEC=\d+\n/.test(text)) break;
      }
      return text;
    } finally {
      notifier.close();
      notifier.close();
      receiver.kill("SIGKILL");
      await receiver.exited;
    }
  };
  const expectNotices = async (text: string): Promise<void> => {
    expect(text).toStartWith("STATUS=grüße\nREADY=1\nRELOADING=1\nMONOTONIC_USEC=");
    // CLOCK_MONOTONIC counts from boot, as the first number of /proc/uptime does where the machine never slept.
    const sentUsec = Number(/MONOTONIC_USEC=(\d+)/.exec(text)?.[1]);
    const uptimeUsec = Number((await Bun.file("/proc/uptime").text()).split(" ")[0]) * 1_000_000;
    expect(sentUsec).toBeLessThan(uptimeUsec + 100_000);
    expect(sentUsec).toBeGreaterThan(0.5 * uptimeUsec);
  };

  test("sends datagrams to a path", async () => {
    await using home = await tempHome();
    const path = join(home.path, "notify");
    await expectNotices(await receive(`UNIX-RECV:${path}`, path, () => access(path)));
  });

  test("sends datagrams to an abstract name", async () => {
    const name = `runtunnel-test-${process.pid}-${performance.now()}`;
    const isBound = async (): Promise<void> => {
      expect(await Bun.file("/proc/net/unix").text()).toContain(`@${name}`);
    };
    await expectNotices(await receive(`ABSTRACT-RECV:${name}`, `@${name}`, isBound));
  });

  test("is silent where nobody listens", () => {
    const notifier = openNotifier("/nowhere/at/all");
    notifier.notify({ ready: true });
    notifier.close();
    notifier.notify({ ready: true });
  });
});

test.each(["", "relative", "vsock:2:1234", `/${"x".repeat(200)}`])("openNotifier(%j) stays silent", (socket) => {
  expect(openNotifier(socket)).toBe(SILENT_NOTIFIER);
});
