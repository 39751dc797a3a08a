// The workstation's own troubles: a full disk, a proxy that refuses in every way. The exit code and the word for it are
// the ones promised, nothing is left behind, and the registry stays true.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Scratch } from "../e2e/support/scratch.ts";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { cliCommand, cliEnvironment } from "../support/run-cli.ts";

setDefaultTimeout(60_000);

type Told = { readonly error: { readonly code: string; readonly hop?: string; readonly exitCode: number } };

const PATIENT = ["-t", "20s", "-ct", "1", "-r", "2", "--json"];

describe.concurrent("start through a proxy that answers", () => {
  test.each<[string, string, boolean, string, string, number]>([
    ["401", "HTTP/1.1 401 Unauthorized\r\n\r\n", false, "proxy-token-refused", "proxy-login", 4],
    ["407", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", false, "proxy-login-needed", "proxy-login", 4],
    ["403", "HTTP/1.1 403 Forbidden\r\n\r\n", false, "proxy-forbids", "proxy-login", 4],
    ["502", "HTTP/1.1 502 Bad Gateway\r\n\r\n", false, "remote-port-refused", "remote-port", 6],
    ["503", "HTTP/1.1 503 Service Unavailable\r\n\r\n", false, "remote-port-refused", "remote-port", 6],
    ["nothing but an end", "", false, "proxy-closed", "proxy-tcp", 6],
    ["half a head", "HTTP/1.1 200 Conn", false, "proxy-closed", "proxy-tcp", 6],
    ["half a head, and then nothing", "HTTP/1.1 200 Conn", true, "proxy-silent", "proxy-tcp", 6],
    ["a head without end", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(20_000)}`, true, "proxy-not-http", "proxy-tcp", 6],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n", true, "proxy-not-http", "proxy-tcp", 6],
    ["TLS", "\x15\x03\x01\x00\x02\x02\x28", true, "proxy-speaks-tls", "proxy-tcp", 6],
  ])("%s fails with the promised words and leaves nothing", async (_what, reply, keepOpen, code, hop, exitCode) => {
    const proxy = await startConnectProxy({ reply: () => reply, keepOpen });
    await using user = await Scratch.create();
    const way = ["--platform", "host", "--proxy", `http://127.0.0.1:${proxy.port}`, "--wait-for", "remote"];
    const { exitCode: ended, stdout } = await user.run([
      "start",
      "10.244.1.2",
      "-lp",
      "0",
      "-rp",
      "22",
      ...way,
      ...PATIENT,
    ]);
    expect((JSON.parse(stdout) as Told).error).toMatchObject({ code, hop, exitCode });
    expect(ended).toBe(exitCode);
    expect(await user.list()).toEqual([]);
    await user.expectNothingLeft();
    await proxy.close();
  });
});

const canMount = process.platform === "linux" && process.getuid?.() === 0 && canUnshare();

function canUnshare(): boolean {
  return Bun.spawnSync(["unshare", "-m", "true"]).exitCode === 0;
}

/** Runs a script in which the state folder is a disk of its own, so small that it is full. */
async function onSmallDisk(user: Scratch, kilobytes: number, script: string): Promise<string> {
  await mkdir(user.stateFolder, { recursive: true, mode: 0o700 });
  const file = join(user.home, "script");
  const program = cliCommand().join(" ");
  const mount = `mount -t tmpfs -o size=${kilobytes}k,mode=700 none ${user.stateFolder}`;
  await writeFile(file, `set -e\n${mount}\nset +e\nruntunnel() { ${program} "$@"; }\n${script}\n`);
  const child = Bun.spawn(["unshare", "-m", "bash", file], {
    cwd: user.home,
    env: cliEnvironment({ home: user.home, env: user.env }),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return stdout + stderr;
}

describe.skipIf(!canMount)("a full disk", () => {
  test("makes start fail with the reason, and leaves neither process nor file", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const script = [
      `mkdir -m 700 "$HOME/.local/state/runtunnel/tunnels"`,
      `head -c 1M /dev/zero > "$HOME/.local/state/runtunnel/fill" 2>/dev/null`,
      "runtunnel start 1001 -lp 0 -rp 22; echo code=$?",
      `find "$HOME/.local/state/runtunnel/tunnels" -type f`,
    ].join("\n");
    const told = await onSmallDisk(user, 64, script);
    expect(told).toContain("error: ");
    expect(told.toLowerCase()).toMatch(/no space|disk is full|space left/);
    expect(told).toContain("code=1\n");
    expect(told).not.toContain(".json");
    expect(user.processes()).toEqual([]);
  });

  test("does not end a tunnel that runs, and stop still works", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const script = [
      "runtunnel start 1001 -lp 0 -rp 22; echo code=$?",
      `head -c 9M /dev/zero > "$HOME/.local/state/runtunnel/fill" 2>/dev/null`,
      "runtunnel list --json; echo code=$?",
      "runtunnel stop 1001; echo code=$?",
      `find "$HOME/.local/state/runtunnel/tunnels" -type f`,
    ].join("\n");
    const told = await onSmallDisk(user, 512, script);
    expect(told.match(/code=0/g)?.length, told).toBe(3);
    expect(told).toContain('"state": "healthy"');
    expect(told).not.toContain("/tunnels/");
    expect(user.processes()).toEqual([]);
  });
});

describe("a state folder that is none", () => {
  test("is told by its path and stays as it is", async () => {
    await using user = await Scratch.create();
    const file = join(user.home, "file");
    await writeFile(file, "mine");
    const { exitCode, stderr } = await user.run(
      ["start", "10.244.1.2", "-lp", "0", "-rp", "22", "--platform", "host"],
      {
        env: { RUNTUNNEL_STATE_DIR: file },
      },
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain(file);
    expect(await readFile(file, "utf8")).toBe("mine");
  });
});
