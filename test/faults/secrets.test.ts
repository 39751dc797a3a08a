// Secrets stay where they belong, terminals are steered by nobody, and what others may write is not trusted.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import net from "node:net";
import { join } from "node:path";
import { argumentsOf, environmentOf, Scratch } from "../e2e/support/scratch.ts";
import { serveLoopback } from "../e2e/support/sockets.ts";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";

setDefaultTimeout(60_000);

const NOISY = ["-v", "DEBUG", "--trace"];

/** Secret words of the sandbox's user and of the run. */
function secretsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  const token = environment["API_TOKEN"] ?? "";
  return [token, Buffer.from(`USER:${token}`).toString("base64"), "password-of-1001"];
}

function expectNone(text: string, secrets: readonly string[], where: string): void {
  for (const secret of secrets) expect(text.includes(secret), `${where} holds a secret`).toBe(false);
}

/** Every file of the home, private keys aside: they are the one secret that is meant to be there. */
async function textOfFiles(user: Scratch): Promise<readonly (readonly [string, string])[]> {
  const paths = await user.files();
  return Promise.all(paths.map(async (path) => [path, await readFile(join(user.home, path), "latin1")] as const));
}

describe("secrets", () => {
  test("are in no argument, environment, file, output or log of a tunnel, at the noisiest level", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const secrets = secretsOf(sandbox.environment);
    const started = await user.run(["start", "1001", "-lp", "0", "-rp", "22", "--ssh", ...NOISY]);
    expect(started.exitCode, started.stderr).toBe(0);
    const [tunnel] = await user.list();
    const pid = tunnel?.pid ?? 0;
    expectNone(argumentsOf(pid).join(" "), secrets, "argv");
    expectNone(environmentOf(pid), secrets, "environment");
    const outputs = [started];
    for (const words of [["list"], ["status", "1001"], ["logs", "1001"], ["info", "1001"], ["config", "show"]]) {
      outputs.push(await user.run([...words, ...NOISY]));
      if (words[0] !== "logs") outputs.push(await user.run([...words, "--json"]));
    }
    for (const { stdout, stderr } of outputs) expectNone(stdout + stderr, secrets, "output");
    for (const [path, text] of await textOfFiles(user)) expectNone(text, secrets, path);
    const controls = JSON.parse(await readFile(join(user.recordFolder, `${tunnel?.id}.json`), "utf8"));
    for (const { stdout, stderr } of outputs) expectNone(stdout + stderr, [controls.control.token], "output");
    const keys = (await textOfFiles(user)).filter(([, text]) => text.includes("PRIVATE KEY-----"));
    expect(keys.length).toBeGreaterThan(0);
    const keyLines = keys.flatMap(([, text]) => text.split("\n").filter((line) => /^[\w+/=]{40,}$/.test(line)));
    for (const { stdout, stderr } of outputs) expectNone(stdout + stderr, keyLines, "output");
    expect((await user.run(["stop"])).exitCode).toBe(0);
  });

  test("are in no error, whatever answers", async () => {
    await using sandbox = await openSandbox();
    const secrets = secretsOf(sandbox.environment);
    const echoes = await serveLoopback((socket) => {
      // The worst of servers: says back all it was told, credentials included.
      socket.once("data", (head: Buffer) => {
        const said = head.toString("latin1").replaceAll("\r\n", " ");
        socket.end(`HTTP/1.1 403 ${said}\r\nContent-Type: text/html\r\n\r\n${head.toString("latin1")}`);
      });
    });
    await using _ = echoes;
    const evil = `http://127.0.0.1:${echoes.port}`;
    const at = { CP_CLI_TUNNEL_PROXY_HOST: "127.0.0.1", CP_CLI_TUNNEL_PROXY_PORT: String(echoes.port) };
    for (const env of [{ API: `${evil}/pipeline/restapi` }, at]) {
      await using user = await Scratch.create({ ...sandbox.environment, ...env });
      for (const more of [NOISY, ["--json"]]) {
        const result = await user.run(["start", "1001", "-lp", "0", "-rp", "22", "-r", "1", ...more]);
        expect(result.exitCode).not.toBe(0);
        expectNone(result.stdout + result.stderr, secrets, "error");
        for (const [path, text] of await textOfFiles(user)) expectNone(text, secrets, path);
      }
    }
  });

  test("are kept in files that nobody else can read, in folders that nobody else can enter", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    for (const path of (await user.files()).filter((name) => name.includes("runtunnel"))) {
      expect((await stat(join(user.home, path))).mode & 0o077, path).toBe(0);
    }
    for (const folder of ["", "tunnels", "logs"]) {
      expect((await stat(join(user.stateFolder, folder))).mode & 0o077, folder).toBe(0);
    }
    expect((await user.run(["stop"])).exitCode).toBe(0);
  });
});

describe("terminals", () => {
  test("get no escape sequence of a proxy or an API, in errors, lists and logs", async () => {
    await using sandbox = await openSandbox();
    const evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\x1b[8m";
    await using proxy = await serveLoopback((socket) => {
      socket.once("data", () => socket.end(Buffer.from(`HTTP/1.1 502 ${evil}\r\n\r\n`, "latin1")));
    });
    await using api = await serveLoopback((socket) => {
      const body = JSON.stringify({ status: "ERROR", message: `No ${evil} run` });
      socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
    });
    const at = { CP_CLI_TUNNEL_PROXY_HOST: "127.0.0.1", CP_CLI_TUNNEL_PROXY_PORT: String(proxy.port) };
    for (const env of [at, { API: `http://127.0.0.1:${api.port}/restapi` }]) {
      await using user = await Scratch.create({ ...sandbox.environment, ...env, FORCE_COLOR: "1" });
      const results = [await user.run(["start", "1001", "-lp", "0", "-rp", "8080", "-r", "1", ...NOISY])];
      for (const words of [["list"], ["status", "1001"], ["logs", "1001"]]) results.push(await user.run(words));
      for (const { stdout, stderr } of results) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
        expect(stdout + stderr).not.toMatch(/\x1b(?!\[\d+m)|[\x00-\x08\x0b-\x1a\x7f-\x9f]|\x1b\[8m/);
      }
      await user.run(["stop"]);
    }
  });
});

describe("the state folder", () => {
  test("is refused where others may write in it", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await mkdir(user.recordFolder, { recursive: true });
    await chmod(user.recordFolder, 0o777);
    const { exitCode, stderr } = await user.run(["start", "1001", "-lp", "0", "-rp", "22"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("others can write in it");
    expect(stderr).toContain("chmod go-w");
  });

  test("with a link in a record's place loses nothing that the link points to", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await mkdir(user.recordFolder, { recursive: true, mode: 0o700 });
    const victim = join(user.home, "precious");
    await writeFile(victim, "precious");
    await symlink(victim, join(user.recordFolder, "1001-00000000.json"));
    await symlink(victim, join(user.recordFolder, "lock"));
    await user.run(["start", "1001", "-lp", "0", "-rp", "22"]);
    await user.run(["stop", "--force"]);
    expect(await readFile(victim, "utf8")).toBe("precious");
    expect((await lstat(victim)).isFile()).toBe(true);
  });

  test("full of garbage keeps no command from working", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await mkdir(user.recordFolder, { recursive: true, mode: 0o700 });
    const garbage = [
      "",
      "{",
      "null",
      "[]",
      "\0\0\0",
      `{"format":1}`,
      `{"format":1,"id":"../../x"}`,
      "x".repeat(2_000_000),
    ];
    for (const [index, text] of garbage.entries()) {
      await writeFile(join(user.recordFolder, `junk-${index}.json`), text, { mode: 0o600 });
    }
    await mkdir(join(user.recordFolder, "folder.json"));
    expect((await user.run(["list", "--json"])).exitCode).toBe(0);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    expect((await user.list()).map(({ id }) => id)).toEqual([tunnel.id]);
    expect((await user.run(["stop"])).exitCode).toBe(0);
    const left = (await readdir(user.recordFolder)).filter((name) => name.endsWith(".json"));
    expect(left.filter((name) => name !== "folder.json")).toEqual([]);
  });
});

describe("the control channel", () => {
  test("tells and obeys nobody who does not know its token", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    const record = JSON.parse(await readFile(join(user.recordFolder, `${tunnel.id}.json`), "utf8"));
    const { port, token } = record.control as { readonly port: number; readonly token: string };
    const stop = (given: string): string =>
      `${JSON.stringify({ token: given, request: { kind: "stop", timeoutMs: 0 } })}\n`;
    const attempts = [
      stop(""),
      stop(token.slice(0, -1)),
      stop(`${token}0`),
      "GET / HTTP/1.1\r\n\r\n",
      "\0".repeat(70_000),
    ];
    for (const attempt of attempts) expect(await said(port, attempt)).toBe("");
    expect((await user.list()).map(({ state, pid }) => [state, pid])).toEqual([["healthy", tunnel.pid]]);
    expect((await user.run(["stop"])).exitCode).toBe(0);
  });
});

/** What a server says to these words before it hangs up. */
function said(port: number, words: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.end(words));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}
