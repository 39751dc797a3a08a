// A real SSH session through a real tunnel, in networks that fail the way networks do. Root only: see namespaces.ts.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { hasNamespaces, Network, type Session } from "./namespaces.ts";

/** How long the network is gone; RUNTUNNEL_OUTAGE_S=120 for the whole two minutes. */
const OUTAGE_MS = Number(process.env["RUNTUNNEL_OUTAGE_S"] ?? 12) * 1000;

// The kernel sends again after as long as it has waited already.
setDefaultTimeout(180_000 + 2 * OUTAGE_MS);

const LONG = { timeoutMs: 60_000 };

type Listed = { readonly state: string; readonly pid: number; readonly reason: { readonly hop: string } | null };

async function listed(network: Network): Promise<Listed> {
  const { stdout } = await network.cli(["list", "--json"]);
  const [tunnel] = (JSON.parse(stdout) as { tunnels: readonly Listed[] }).tunnels;
  if (tunnel === undefined) throw new Error("There is no tunnel");
  return tunnel;
}

/** Says a word to a remote `cat` and waits for it to come back. */
async function expectEcho(session: Session, word: string): Promise<void> {
  session.write(`${word}\n`);
  await eventually(() => expect(session.text).toContain(word), LONG);
}

async function expectNewSession(network: Network, port: number, word: string): Promise<void> {
  const session = network.ssh(port, "cat");
  try {
    await expectEcho(session, word);
  } finally {
    await session.end();
  }
}

describe.skipIf(!hasNamespaces).concurrent("an SSH session through a tunnel", () => {
  test("outlives a cable that is pulled and put back, and new ones wait for it", async () => {
    await using network = await Network.open();
    const port = await network.startTunnel();
    const { pid } = await listed(network);
    const session = network.ssh(port, "cat");
    await expectEcho(session, "before");
    await network.unplug();
    session.write("during\n");
    const held = network.ssh(port, "cat");
    held.write("held\n");
    await eventually(async () => expect((await listed(network)).reason).not.toBeNull());
    await network.plugIn();
    await eventually(() => expect(held.text).toContain("held"), LONG);
    await eventually(() => expect(session.text).toContain("during"), LONG);
    await expectEcho(session, "after");
    expect((await listed(network)).pid).toBe(pid);
    await Promise.all([session.end(), held.end()]);
  });

  test("outlives packets that are dropped, and new ones fail in time and work again", async () => {
    await using network = await Network.open();
    const port = await network.startTunnel();
    const session = network.ssh(port, "cat");
    await expectEcho(session, "before");
    await network.drop();
    const droppedAt = performance.now();
    session.write("during\n");
    const failing = network.ssh(port, "cat");
    await eventually(() => expect(failing.hasEnded).toBe(true), { timeoutMs: 30_000 });
    const { reason, state } = await listed(network);
    expect(state).not.toBe("healthy");
    expect(reason?.hop).toBe("remote-port");
    await eventually(() => expect(performance.now() - droppedAt).toBeGreaterThan(OUTAGE_MS), {
      timeoutMs: OUTAGE_MS + 10_000,
    });
    expect(session.hasEnded).toBe(false);
    await network.undrop();
    await expectNewSession(network, port, "new");
    await eventually(() => expect(session.text).toContain("during"), { timeoutMs: 130_000 });
    await expectEcho(session, "after");
    await eventually(async () => expect((await listed(network)).state).toBe("healthy"), LONG);
    await session.end();
  });

  test("is lost with the workstation's address, but the tunnel is not", async () => {
    await using network = await Network.open();
    const port = await network.startTunnel();
    const { pid } = await listed(network);
    const session = network.ssh(port, "cat");
    await expectEcho(session, "before");
    await network.changeAddress();
    await expectNewSession(network, port, "elsewhere");
    expect(await listed(network)).toMatchObject({ pid, state: "healthy" });
    await session.end();
  });

  test("stands still in a black hole for large packets, loses nothing, and goes on behind it", async () => {
    await using network = await Network.open();
    const port = await network.startTunnel();
    const session = network.ssh(port, "echo ready; read go; head -c 3000000 /dev/zero | tr '\\0' x; cat");
    await eventually(() => expect(session.text).toContain("ready"));
    await network.shrink(600);
    session.write("go\n");
    await listed(network);
    await listed(network);
    expect(session.text.length).toBeLessThan(3_000_000);
    expect(session.hasEnded).toBe(false);
    await network.widen();
    await eventually(() => expect(session.text.length).toBeGreaterThanOrEqual(3_000_006), { timeoutMs: 120_000 });
    expect(session.text.slice("ready\n".length).slice(0, 3_000_000)).toBe("x".repeat(3_000_000));
    await expectEcho(session, "after");
    expect((await listed(network)).state).toBe("healthy");
    await session.end();
  });
});
