// The Windows executable on Wine: the main job from end to end, and what is left behind. Wine is Windows but for rights,
// consoles and the task scheduler.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { tempHome } from "../support/temp-home.ts";
import { canRunWindows, WindowsMachine } from "../support/wine.ts";
import { connect, serveEcho } from "./support/sockets.ts";
import { runClient } from "./support/ssh-clients.ts";

// Wine starts programs at a tenth of Windows' speed, on a machine that others use as well.
setDefaultTimeout(300_000);

const STATE = "C:\\users\\root\\AppData\\Local\\runtunnel";
/** In full: what Wine must look for on the PATH runs below a process of Wine's own. */
const EXECUTABLE = "C:\\tools\\runtunnel.exe";
const SSH = "C:\\users\\root\\.ssh";

type Tunnel = {
  readonly name: string;
  readonly pid: number;
  readonly state: string;
  readonly ports: readonly { local: number }[];
};

describe.skipIf(!canRunWindows())("runtunnel.exe", () => {
  let windows: WindowsMachine;
  beforeAll(async () => {
    windows = await WindowsMachine.start();
  });
  afterAll(() => windows[Symbol.asyncDispose]());

  /** Runs one command that must succeed and gives its JSON. */
  async function json<T>(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<T> {
    const result = await windows.run(["runtunnel", ...words, "--json"], env);
    expect(result).toMatchObject({ exitCode: 0 });
    return JSON.parse(result.stdout);
  }

  async function list(): Promise<readonly Tunnel[]> {
    return (await json<{ readonly tunnels: readonly Tunnel[] }>(["list"])).tunnels;
  }

  async function expectNothingLeft(): Promise<void> {
    expect(await list()).toEqual([]);
    expect((await windows.files(STATE)).filter((file) => !file.startsWith("logs/"))).toEqual([]);
  }

  test("tells its version and refuses what it does not know", async () => {
    expect((await windows.run(["runtunnel", "--version"])).stdout).toMatch(/^runtunnel \d+\.\d+\.\d+ \(/);
    expect(await windows.run(["runtunnel", "start"])).toMatchObject({ exitCode: 2 });
    expect(await windows.run(["runtunnel", "strat"])).toMatchObject({ exitCode: 2 });
  });

  test("a background tunnel outlives its launcher, carries bytes, and stop leaves nothing", async () => {
    await using sandbox = await openSandbox();
    const port = await freePort();
    const tunnel = await json<Tunnel>(["start", "1001", "-lp", String(port), "-rp", "22"], sandbox.environment);
    const socket = await connect(port);
    expect(String(await once(socket, "data"))).toStartWith("SSH-2.0-");
    socket.destroy();
    expect(await list()).toMatchObject([{ name: "pipeline-1001", pid: tunnel.pid, state: "healthy" }]);
    const again = ["runtunnel", "start", "1001", "-lp", String(port), "-rp", "22"];
    expect(await windows.run(again, sandbox.environment)).toMatchObject({ exitCode: 3 });
    expect(await windows.run([...again, "-ks"], sandbox.environment)).toMatchObject({ exitCode: 0 });
    expect((await list())[0]?.pid).toBe(tunnel.pid);
    expect(await windows.run([...again, "-re"], sandbox.environment)).toMatchObject({ exitCode: 0 });
    expect((await list())[0]?.pid).not.toBe(tunnel.pid);
    const stopped = await windows.run(["runtunnel", "stop", "1001"]);
    expect(stopped).toMatchObject({ exitCode: 0, stdout: `pipeline-1001: 127.0.0.1:${port} -> 22, stopped\n` });
    await expectNothingLeft();
  });

  test("the page of ui comes out of the executable, and tells how tunnels are", async () => {
    await using output = await tempHome();
    const stdout = join(output.path, "out");
    const child = windows.spawn(["runtunnel", "ui", "--no-open", "--json"], { stdout: Bun.file(stdout) });
    const { port, url } = await eventually(
      async () => JSON.parse(await readFile(stdout, "utf8")) as { readonly port: number; readonly url: string },
      { timeoutMs: 60_000 },
    );
    const origin = `http://127.0.0.1:${port}`;
    const page = await (await fetch(origin)).text();
    expect(page).toContain("<title>runtunnel</title>");
    for (const [, path] of page.matchAll(/(?:src|href)="\.?(\/[^"]+)"/g)) {
      expect((await fetch(`${origin}${path}`)).status, path).toBe(200);
    }
    const session = await fetch(`${origin}/api/session`, {
      method: "POST",
      headers: { origin, "content-type": "application/json" },
      body: JSON.stringify({ token: url.split("#")[1] }),
    });
    const { key } = (await session.json()) as { readonly key: string };
    const cookie = session.headers.get("set-cookie")?.split(";")[0] ?? "";
    const state = await fetch(`${origin}/api/state`, { headers: { cookie, "x-runtunnel-key": key } });
    expect(await state.json()).toMatchObject({ tunnels: [] });
    child.kill("SIGKILL");
    await child.exited;
  });

  test("stop --force ends a tunnel at once, and the next command heals what a killed one left", async () => {
    await using sandbox = await openSandbox();
    await json(["start", "1001", "-lp", "0", "-rp", "22"], sandbox.environment);
    expect(await windows.run(["runtunnel", "stop", "--force"])).toMatchObject({ exitCode: 0 });
    await expectNothingLeft();
    const { pid } = await json<Tunnel>(["start", "1001", "-lp", "0", "-rp", "22", "--ssh"], sandbox.environment);
    await windows.run(["taskkill", "/f", "/pid", String(pid)]);
    expect(await list()).toMatchObject([{ state: "dead", pid }]);
    expect(await windows.puttySettings()).toContain("pipeline-1001");
    const stopped = await windows.run(["runtunnel", "stop"]);
    expect(stopped.stdout).toEndWith("was dead, cleaned up\n");
    expect(await windows.puttySettings()).toBeUndefined();
    expect(await windows.files(SSH)).toEqual([]);
    await expectNothingLeft();
  });

  test("a tunnel in the foreground ends with Ctrl+C", async () => {
    await using sandbox = await openSandbox();
    const words = [EXECUTABLE, "start", "1001", "-lp", "0", "-rp", "22", "-f"];
    const foreground = windows.spawn(words, { env: sandbox.environment });
    await eventually(async () => expect(await list()).toMatchObject([{ state: "healthy" }]), { timeoutMs: 60_000 });
    // Wine hands it on as Ctrl+C.
    foreground.kill("SIGINT");
    expect(await foreground.exited).toBe(0);
    await expectNothingLeft();
  });

  test("stop reaches a tunnel in the foreground", async () => {
    await using sandbox = await openSandbox();
    const words = [EXECUTABLE, "start", "1001", "-lp", "0", "-rp", "22", "-f"];
    const foreground = windows.spawn(words, { env: sandbox.environment });
    await eventually(async () => expect(await list()).toMatchObject([{ state: "healthy" }]), { timeoutMs: 60_000 });
    expect(await windows.run(["runtunnel", "stop", "1001"])).toMatchObject({ exitCode: 0 });
    expect(await foreground.exited).toBe(0);
    await expectNothingLeft();
  });

  test("the sandbox runs a command, ends with its code, and removes its files", async () => {
    const script = [
      "@echo off",
      "runtunnel start 1001 -rp 22 -lp 0 --ssh",
      "if errorlevel 1 exit /b 90",
      "runtunnel start 1004 -rp 22 -lp 0 2>nul",
      "if not errorlevel 1 exit /b 91",
      "runtunnel list",
      "runtunnel stop",
      "if errorlevel 1 exit /b 92",
      "exit /b 7",
      "",
    ].join("\r\n");
    await writeFile(windows.hostPath("C:\\tools\\try.cmd"), script);
    const result = await windows.run(["runtunnel", "sandbox", "--", "cmd", "/c", "try.cmd"]);
    expect(result).toMatchObject({ exitCode: 7, stderr: "" });
    expect(result.stdout).toMatch(/^pipeline-1001: 127\.0\.0\.1:\d+ -> 22, PID \d+, up in /);
    expect(result.stdout).toContain("Connect with: ssh pipeline-1001");
    expect(result.stdout).toMatch(/stopped\n$/);
    expect(await windows.puttySettings()).toBeUndefined();
    expect((await windows.files("C:\\users\\root\\Temp")).filter((file) => file.includes("runtunnel"))).toEqual([]);
    await expectNothingLeft();
  });

  test("--ssh tells OpenSSH and PuTTY, and stop gives registry and .ssh back as they were", async () => {
    await using sandbox = await openSandbox();
    const config = Buffer.from("# Größe\r\nHost old\r\n\tHostName 192.0.2.7\r\n", "latin1");
    await mkdir(windows.hostPath(SSH), { recursive: true });
    await writeFile(windows.hostPath(`${SSH}\\config`), config);
    const session = "HKCU\\Software\\SimonTatham\\PuTTY\\Sessions\\pipeline-1001";
    await windows.run(["reg", "add", session, "/v", "HostName", "/d", "mine.example", "/f"]);
    const before = await windows.puttySettings();

    const tunnel = await json<Tunnel>(["start", "1001", "-lp", "0", "-rp", "22", "--ssh"], sandbox.environment);
    const port = tunnel.ports[0]?.local ?? 0;
    const during = await windows.puttySettings();
    expect(during).toContain(`    PortNumber    REG_DWORD    0x${port.toString(16)}\n`);
    expect(during).toMatch(
      / {4}PublicKeyFile {4}REG_SZ {4}C:\\users\\root\\AppData\\Local\\runtunnel\\keys\\.*\.ppk\n/,
    );
    expect(during).toContain(`ssh-ed25519@${port}:127.0.0.1    REG_SZ    0x`);
    const edited = await readFile(windows.hostPath(`${SSH}\\config`));
    expect(edited.subarray(-config.length)).toEqual(config);
    expect(edited.toString("latin1")).toMatch(
      /^# >>> .*\r\nInclude C:\/users\/root\/\.ssh\/runtunnel\/config\r\n# <<< /,
    );
    await judgeKeys(windows, port);

    expect(await windows.run(["runtunnel", "stop", "1001"])).toMatchObject({ exitCode: 0 });
    expect(await windows.files(SSH)).toEqual(["config"]);
    expect(await readFile(windows.hostPath(`${SSH}\\config`))).toEqual(config);
    expect(await windows.puttySettings()).toBe(before ?? "");
    await windows.run(["reg", "delete", "HKCU\\Software\\SimonTatham", "/f"]);
    await rm(windows.hostPath(SSH), { recursive: true });
    await expectNothingLeft();
  });

  test("works from folders with spaces, other alphabets and long names", async () => {
    await using sandbox = await openSandbox();
    const deep = `C:\\Данные и файлы\\${"länger ".repeat(30)}x\\${"noch länger ".repeat(10)}y`;
    await mkdir(windows.hostPath("C:\\Данные и файлы"), { recursive: true });
    const env = { ...sandbox.environment, RUNTUNNEL_STATE_DIR: deep };
    const words = ["start", "1001", "-lp", "0", "-rp", "22", "--ssh", "-sp", "C:\\Данные и файлы\\my ssh"];
    await json(words, env);
    const files = await windows.files(deep);
    expect(files.some((file) => file.endsWith(".ppk"))).toBe(true);
    const config = await readFile(windows.hostPath("C:\\Данные и файлы\\my ssh\\config"), "utf8");
    expect(config).toContain('Include "C:/Данные и файлы/my ssh/runtunnel/config"');
    expect(await windows.run(["runtunnel", "stop"], { RUNTUNNEL_STATE_DIR: deep })).toMatchObject({ exitCode: 0 });
    expect((await windows.files(deep)).filter((file) => !file.startsWith("logs/"))).toEqual([]);
    expect(await windows.files("C:\\Данные и файлы\\my ssh")).toEqual([]);
  });

  test("names the program that holds a wanted port", async () => {
    await using sandbox = await openSandbox();
    const tunnel = await json<Tunnel>(["start", "1001", "-lp", "0", "-rp", "22"], sandbox.environment);
    const port = String(tunnel.ports[0]?.local);
    const env = { ...sandbox.environment, RUNTUNNEL_STATE_DIR: "C:\\other" };
    const refused = await windows.run(["runtunnel", "start", "1001", "-lp", port, "-rp", "22"], env);
    expect(refused).toMatchObject({ exitCode: 3 });
    expect(refused.stderr).toContain(`local port ${port}`);
    expect(await windows.run(["runtunnel", "stop"])).toMatchObject({ exitCode: 0 });
    await expectNothingLeft();
  });
});

async function freePort(): Promise<number> {
  const server = await serveEcho();
  await server[Symbol.asyncDispose]();
  return server.port;
}

/** Lets the host's OpenSSH and PuTTY log in with what was written for those of Windows. */
async function judgeKeys(windows: WindowsMachine, port: number): Promise<void> {
  if (!requirePeer("ssh", "puttygen", "plink")) return;
  await using home = await tempHome();
  const keys = await windows.files(`${STATE}\\keys`);
  const name = keys.find((file) => !/\.(?:pub|ppk)$/.test(file)) ?? "";
  for (const file of keys) {
    await copyFile(windows.hostPath(`${STATE}\\keys\\${file}`), join(home.path, file));
    await runClient(["chmod", "600", join(home.path, file)], { env: { PATH: process.env["PATH"] ?? "" } });
  }
  const known = windows.hostPath(`${SSH}\\runtunnel\\known_hosts`);
  const config = (await readFile(windows.hostPath(`${SSH}\\runtunnel\\config`), "utf8"))
    .replaceAll(/UserKnownHostsFile .*/g, `UserKnownHostsFile ${known}`)
    .replaceAll(/IdentityFile .*/g, `IdentityFile ${join(home.path, name)}`);
  await writeFile(join(home.path, "config"), config);
  const env = { PATH: process.env["PATH"] ?? "", HOME: home.path };
  const ssh = await runClient(["ssh", "-F", join(home.path, "config"), "pipeline-1001", "echo $HOSTNAME"], { env });
  expect(ssh).toMatchObject({ stdout: "pipeline-1001\n", stderr: "", exitCode: 0 });

  const ppk = join(home.path, `${name}.ppk`);
  const shown = await runClient(["puttygen", ppk, "-O", "public-openssh"], { env });
  const [type, base64] = (await readFile(join(home.path, `${name}.pub`), "utf8")).split(" ");
  expect(shown.stdout).toStartWith(`${type} ${base64?.trim()}`);
  const words = ["plink", "-batch", "-P", String(port), "-i", ppk, "-hostkey", await fingerprint(known)];
  const plink = await runClient([...words, "root@127.0.0.1", "echo $HOSTNAME"], { env });
  expect(plink).toMatchObject({ stdout: "pipeline-1001\n", exitCode: 0 });
}

/** SHA-256 fingerprint of the ed25519 host key in a known_hosts file. */
async function fingerprint(knownHosts: string): Promise<string> {
  const base64 = / ssh-ed25519 (\S+)/.exec(await readFile(knownHosts, "utf8"))?.[1] ?? "";
  const hash = new Bun.CryptoHasher("sha256").update(Buffer.from(base64, "base64")).digest("base64");
  return `SHA256:${hash.replace(/=+$/, "")}`;
}
