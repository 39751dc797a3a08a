// `list --watch` and `status` in a real terminal, and what of them goes into a pipe.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand } from "../support/run-cli.ts";
import { Terminal, type TerminalSize } from "../support/terminal.ts";
import { kill, Scratch } from "./support/scratch.ts";
import { connect, echo, echoOnce, type LoopbackServer, serveEcho } from "./support/sockets.ts";

setDefaultTimeout(60_000);

const to = (server: LoopbackServer): readonly string[] => ["127.0.0.1", "-lp", "0", "-rp", String(server.port)];

/** `list --watch` as somebody types it who was doing something else before. */
function watch(
  user: Scratch,
  words: string,
  size: TerminalSize = {},
  env: Record<string, string> = {},
): Promise<Terminal> {
  const program = cliCommand().join(" ");
  const script = `trap : INT; echo before; ${program} ${words}; echo "after $?"`;
  return Terminal.run(["sh", "-c", script], { home: user.home, env: { ...user.env, ...env } }, size);
}

describe.skipIf(process.platform !== "linux" || !requirePeer("tmux"))("list --watch on a terminal", () => {
  test("shows tunnels as they come, change and go, and leaves the screen as it was", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    await using terminal = await watch(user, "list --watch --interval 100ms");
    await terminal.see("No tunnels");
    expect(await terminal.screen()).not.toContain("before");
    const tunnel = await user.startTunnel(to(server));
    await terminal.see(/127\.0\.0\.1 +host .* healthy /);
    const socket = await connect(tunnel.port);
    await echo(socket, "x".repeat(5000));
    await terminal.see(/healthy +\S+ +1 +9\.8 KiB/);
    socket.destroy();
    await user.run(["stop"]);
    await terminal.see("No tunnels");
    expect((await terminal.screen()).match(/No tunnels/g)?.length).toBe(1);
    await terminal.press("C-c");
    await terminal.see("after 0");
    expect((await terminal.screen()).split("\n")).toEqual(["before", "after 0"]);
    await user.expectNothingLeft();
  });

  test("fits a narrow terminal and a low one, and follows when they change", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    await Promise.all(Array.from({ length: 4 }, () => user.startTunnel(to(server))));
    await using terminal = await watch(user, "list -w --interval 0.1", { columns: 40, rows: 5 });
    const narrow = await terminal.see("more");
    const lines = narrow.split("\n");
    expect(lines.length).toBe(5);
    expect(lines[0]).toMatch(/^RUN +LOCAL +(REMOTE +)?HEALTH/);
    expect(lines.slice(1, 4).every((line) => line.includes("healthy"))).toBe(true);
    await terminal.resize(120, 20);
    await terminal.see(/RUN +PLATFORM +LOCAL +REMOTE +PID +OWNER/);
    expect(await terminal.screen()).toContain("Ctrl+C ends");
    await terminal.resize(26, 8);
    await eventually(async () => {
      const screen = await terminal.screen();
      expect(screen).not.toContain("PLATFORM");
      expect(screen).toContain("healthy");
    });
    await terminal.press("C-c");
    await terminal.see("after 0");
    await user.run(["stop"]);
  });

  test.each([
    ["colours by health", {}, true],
    ["does not with NO_COLOR", { NO_COLOR: "1" }, false],
  ] as const)("%s", async (_what, env, isColored) => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    await user.startTunnel(to(server));
    await using terminal = await watch(user, "list --watch", {}, env);
    await terminal.see("healthy");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
    expect(/\x1b\[32mhealthy/.test(await terminal.coloredScreen())).toBe(isColored);
    await terminal.press("C-c");
    await terminal.see("after 0");
    await user.run(["stop"]);
  });
});

describe.skipIf(process.platform !== "linux")("list --watch in a pipe", () => {
  test("prints a line for each change and ends with 0 on Ctrl+C", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const watching = user.spawn(["list", "--watch", "--interval", "100ms"]);
    const tunnel = await user.startTunnel(to(server));
    await eventually(() => expect(watching.stdout).toContain("healthy"));
    kill(tunnel.pid, "SIGSTOP");
    await eventually(() => expect(watching.stdout).toContain("hanging"));
    kill(tunnel.pid, "SIGCONT");
    await user.run(["stop"]);
    await eventually(() => expect(watching.stdout).toContain("gone"));
    watching.interrupt();
    const { exitCode, stdout, stderr } = await watching.end();
    expect([exitCode, stderr]).toEqual([0, ""]);
    for (const line of stdout.trimEnd().split("\n")) {
      expect(line).toMatch(/^\d\d:\d\d:\d\d {2}127\.0\.0\.1 {2}[a-z]+ {2}127\.0\.0\.1:\d+ -> \d+/);
    }
    await user.expectNothingLeft();
  });

  test("prints JSON lines with --json, and ends quietly when its reader goes", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(to(server));
    const watching = Bun.spawn([...cliCommand(), "list", "--watch", "--json", "--interval", "100ms"], {
      env: { PATH: process.env["PATH"] ?? "", HOME: user.home },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    let line = "";
    // Leaving the loop closes the pipe, as `head -n 1` does.
    for await (const chunk of watching.stdout) {
      line += new TextDecoder().decode(chunk);
      if (line.includes("\n")) break;
    }
    expect(JSON.parse(line)).toMatchObject({ event: "added", tunnel: { id: tunnel.id, state: "healthy" } });
    await user.run(["stop"]);
    expect([await new Response(watching.stderr).text(), await watching.exited]).toEqual(["", 0]);
    await user.expectNothingLeft();
  });

  test.each([
    [["list", "--watch", "--interval", "1ms"], "--interval is too short"],
    [["list", "--interval", "1s"], "--interval makes sense only with --watch"],
    [["list", "--watch", "--interval", "often"], 'Cannot read --interval "often"'],
  ])("%j is refused", async (words, message) => {
    await using user = await Scratch.create();
    const result = await user.run(words);
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([2, `error: ${message}`]);
  });
});

describe.skipIf(process.platform !== "linux")("status", () => {
  test("shows how the tunnel has been", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(to(server));
    expect(await echoOnce(tunnel.port, "x".repeat(100_000))).toHaveLength(100_000);
    const text = (await user.run(["status", "127.0.0.1"])).stdout;
    expect(text).toMatch(/^Round trips +█ {2}\S+ (to \S+ )?in \d/m);
    expect(text).toMatch(/^Traffic up +█ {2}at most \S+ [KM]iB\/s in \d/m);
    expect(text).toMatch(/^Traffic down +█ {2}at most/m);
    const { tunnels } = await user.json<{ tunnels: { history: { bytesUp: number; roundTripMs: number }[] }[] }>([
      "status",
    ]);
    const [sample] = tunnels[0]?.history ?? [];
    expect(sample?.bytesUp).toBe(100_000);
    expect(sample?.roundTripMs).toBeGreaterThan(0);
    await user.run(["stop"]);
  });
});
