// Tunnels to a real OpenSSH server through proxies that others wrote: the same job by every way there is.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand } from "../support/run-cli.ts";
import { Scratch } from "./support/scratch.ts";
import {
  AUTHORITY_FILE,
  type Peer,
  type SshPeer,
  startApache,
  startSquid,
  startSshd,
  startTinyproxy,
  startWebsockify,
} from "./support/servers.ts";
import { runClient } from "./support/ssh-clients.ts";

setDefaultTimeout(120_000);

const SIZE_BYTES = 256 * 1024 * 1024;
/** The cipher that costs least, so that the tunnel is what limits. */
const CIPHER = ["-c", "aes128-gcm@openssh.com"];
const LOGIN = { user: "jane", password: "s3 cr:ét%/" };

/** A way to the server: options of `start`, and what the environment must hold. */
type Way = {
  readonly name: string;
  readonly peer: (sshd: SshPeer) => Promise<Peer | undefined>;
  readonly words: (port: number, sshd: SshPeer) => readonly string[];
  readonly env?: (sshd: SshPeer) => Readonly<Record<string, string>>;
  /** As `status` shows it. */
  readonly route: RegExp;
};

const WAYS: readonly Way[] = [
  { name: "directly", peer: async () => undefined, words: () => [], route: /^127\.0\.0\.1, direct$/ },
  {
    name: "tinyproxy",
    peer: () => startTinyproxy(),
    words: (port) => ["--proxy", `http://127.0.0.1:${port}`],
    route: /http-connect via http:/,
  },
  {
    name: "squid",
    peer: () => startSquid(),
    words: (port) => ["--proxy", `http://127.0.0.1:${port}`],
    route: /http-connect via http:/,
  },
  {
    name: "squid with a login",
    peer: () => startSquid(LOGIN),
    words: (port) => ["--proxy", `http://127.0.0.1:${port}`],
    env: () => ({ RUNTUNNEL_PROXY_USER: LOGIN.user, RUNTUNNEL_PROXY_PASSWORD: LOGIN.password }),
    route: /http-connect via http:/,
  },
  {
    name: "Apache",
    peer: () => startApache({ tls: false }),
    words: (port) => ["--proxy", `http://127.0.0.1:${port}`],
    route: /http-connect via http:/,
  },
  {
    name: "Apache behind TLS",
    peer: () => startApache({ tls: true }),
    words: (port) => ["--proxy", `https://127.0.0.1:${port}`],
    env: () => ({ RUNTUNNEL_PROXY_CA_FILE: AUTHORITY_FILE }),
    route: /http-connect via https:/,
  },
  {
    name: "OpenSSH as jump host",
    peer: () => startSshd(),
    words: (port, sshd) => ["--proxy", `ssh://${sshd.user}@127.0.0.1:${port}`],
    route: /ssh-jump via ssh:/,
  },
  {
    name: "websockify",
    peer: (sshd) => startWebsockify(sshd.port),
    words: (port) => ["--proxy", `ws://127.0.0.1:${port}/`],
    route: /websocket via ws:/,
  },
];

const PROGRAMS = ["sshd", "ssh", "scp", "sftp", "tinyproxy", "squid", "apache2", "websockify"];

describe.skipIf(!requirePeer(...PROGRAMS))("a real OpenSSH server", () => {
  let sshd: SshPeer;
  let folder: string;
  let sent: string;
  let sum: string;

  beforeAll(async () => {
    sshd = await startSshd();
    folder = await mkdtemp(join(tmpdir(), "runtunnel-transfers-"));
    sent = join(folder, "sent.bin");
    const bytes = randomFillSync(Buffer.alloc(SIZE_BYTES));
    sum = createHash("sha256").update(bytes).digest("hex");
    await writeFile(sent, bytes);
  });

  afterAll(async () => {
    await sshd[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** 256 MiB each way, a command, a batch of sftp: all as they come out of the clients' own hands. */
  async function useTunnel(port: number): Promise<void> {
    await useShell(port);
    await copyBothWays(port);
  }

  async function useShell(port: number): Promise<void> {
    const options = [...sshd.clientOptions, ...CIPHER];
    const host = `${sshd.user}@127.0.0.1`;
    const shell = await runClient(["ssh", ...options, "-p", String(port), host, "cat; exit 3"], {
      input: "to and fro",
    });
    expect(shell).toEqual({ stdout: "to and fro", stderr: "", exitCode: 3 });
    const listing = await runClient(["sftp", ...options, "-b", "-", "-P", String(port), host], {
      input: `ls -1 ${folder}\n`,
    });
    expect(listing.stdout).toContain("sent.bin");
  }

  async function copyBothWays(port: number): Promise<void> {
    const options = [...sshd.clientOptions, ...CIPHER];
    const host = `${sshd.user}@127.0.0.1`;
    for (const [from, to] of [
      [sent, `${host}:${join(folder, "up.bin")}`],
      [`${host}:${sent}`, join(folder, "down.bin")],
    ] as const) {
      const copied = await runClient(["scp", "-q", ...options, "-P", String(port), from, to]);
      expect(copied).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    }
    for (const name of ["up.bin", "down.bin"]) {
      const path = join(folder, name);
      expect(await sha256OfFile(path)).toBe(sum);
      await unlink(path);
    }
  }

  test.each(WAYS.map((way) => [way.name, way] as const))("works through the tunnel: %s", async (_name, way) => {
    await using user = await Scratch.create(way.env?.(sshd));
    const peer = await way.peer(sshd);
    await using stack = new AsyncDisposableStack();
    if (peer !== undefined) stack.use(peer);
    if (peer !== undefined && "identity" in peer) user.env["RUNTUNNEL_JUMP_IDENTITY"] = String(peer.identity);
    const words = ["127.0.0.1", "-lp", "0", "-rp", String(sshd.port), ...way.words(peer?.port ?? 0, sshd)];
    const tunnel = await user.startTunnel([...words, "--wait-for", "remote"]);
    await useTunnel(tunnel.port);
    const [listed] = await user.list();
    expect(listed?.state).toBe("healthy");
    expect(listed?.route).toMatch(way.route);
    expect(listed?.bytes?.up).toBeGreaterThan(SIZE_BYTES);
    expect(listed?.bytes?.down).toBeGreaterThan(SIZE_BYTES);
    expect((await user.run(["stop", "127.0.0.1"])).stdout).toContain("stopped");
    await user.expectNothingLeft();
  });

  test.each([
    ["tinyproxy", () => startTinyproxy()],
    ["squid", () => startSquid()],
  ])("works for a run of Cloud Pipeline whose EDGE is %s", async (_name, startProxy) => {
    await using sandbox = await openSandbox();
    await using proxy = await startProxy();
    await using user = await Scratch.create({
      ...sandbox.environment,
      CP_CLI_TUNNEL_PROXY_HOST: "127.0.0.1",
      CP_CLI_TUNNEL_PROXY_PORT: String(proxy.port),
    });
    await sandbox.control(["resume", "1001", "127.0.0.1"]);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", String(sshd.port)]);
    await useShell(tunnel.port);
    expect((await user.list())[0]?.route).toBe(`127.0.0.1, http-connect via http://127.0.0.1:${proxy.port}`);
    await user.run(["stop", "1001"]);
    await user.expectNothingLeft();
  });

  test("a wrong password for squid is refused as a login at the proxy, and nothing is left", async () => {
    await using squid = await startSquid(LOGIN);
    await using user = await Scratch.create({
      RUNTUNNEL_PROXY: `http://127.0.0.1:${squid.port}`,
      RUNTUNNEL_PROXY_USER: LOGIN.user,
      RUNTUNNEL_PROXY_PASSWORD: "guessed-wrong",
    });
    const result = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", String(sshd.port)]);
    expect(result.exitCode).toBe(4);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain(`error: Proxy 127.0.0.1:${squid.port} asks for credentials`);
    expect(result.stderr).toMatch(/^hint: .*password/m);
    expect(result.stderr).not.toContain("guessed-wrong");
    await user.expectNothingLeft();
  });

  test("a proxy's certificate that nobody vouches for is refused, --insecure ways aside", async () => {
    await using apache = await startApache({ tls: true });
    await using user = await Scratch.create({ RUNTUNNEL_PROXY: `https://127.0.0.1:${apache.port}` });
    const words = ["start", "127.0.0.1", "-lp", "0", "-rp", String(sshd.port), "-r", "2"];
    const refused = await user.run(words);
    expect(refused.exitCode).toBe(6);
    expect(refused.stderr).toMatch(/^error: .*certificate/);
    await user.expectNothingLeft();
    const trusted = await user.run(words, { env: { RUNTUNNEL_PROXY_INSECURE: "true" } });
    expect(trusted.exitCode, trusted.stderr).toBe(0);
    await user.run(["stop"]);
    await user.expectNothingLeft();
  });

  test("proxy serves as ProxyCommand of real OpenSSH, ten at once, without a local port", async () => {
    await using user = await Scratch.create();
    const command = [...cliCommand(), "proxy", "127.0.0.1", String(sshd.port)].join(" ");
    const words = ["ssh", ...sshd.clientOptions, "-o", `ProxyCommand=${command}`, `${sshd.user}@run`];
    const env = { HOME: user.home };
    const calls = Array.from({ length: 10 }, (_, index) =>
      runClient([...words, `echo call ${index}; head -c 1000000 | sha256sum`], {
        env,
        input: Buffer.alloc(1e6, index),
      }),
    );
    for (const [index, call] of (await Promise.all(calls)).entries()) {
      const wanted = createHash("sha256").update(Buffer.alloc(1e6, index)).digest("hex");
      expect(call).toMatchObject({ stdout: `call ${index}\n${wanted}  -\n`, exitCode: 0 });
      // The shell that sshd starts may say something of its own there.
      expect(call.stderr).not.toMatch(/runtunnel|error:|warning:|closed|refused/i);
    }
    const failed = await runClient([...words.slice(0, -1), "-p", "1", `${sshd.user}@run`, "exit 9"], { env });
    expect(failed.exitCode).toBe(9);
    await user.expectNothingLeft();
  });

  test("several ports of one run make one tunnel", async () => {
    await using other = await startSshd();
    await using user = await Scratch.create();
    await mkdir(join(user.home, "work"));
    const ports = [sshd.port, other.port].sort((one, two) => one - two);
    const range = `${ports[0]}-${(ports[0] ?? 0) + 1}`;
    const tunnel = await user.startTunnel(["127.0.0.1", "-lp", "0", "-rp", range, "--timeout", "20s"]);
    expect(tunnel.ports.map(({ remote }) => remote)).toEqual([ports[0] ?? 0, (ports[0] ?? 0) + 1]);
    expect(new Set(tunnel.ports.map(({ local }) => local)).size).toBe(2);
    await user.run(["stop", "-lp", String(tunnel.ports[1]?.local)]);
    await user.expectNothingLeft();
  });
});

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest("hex");
}
