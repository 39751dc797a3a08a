// Tokens and passwords: in no argument, no environment of a background process, no log, no record, no output.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { argumentsOf, environmentOf, Scratch } from "./support/scratch.ts";
import { connect, echoOnce, serveLoopback } from "./support/sockets.ts";

setDefaultTimeout(60_000);

describe.skipIf(process.platform !== "linux")("secrets", () => {
  test("the platform's token is in nothing that others can read, nor in anything that is kept", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const started = await user.run(["start", "1001", "-lp", "0", "-rp", "7", "-v", "DEBUG"]);
    expect(started.exitCode, started.stderr).toBe(0);
    const [tunnel] = await user.list();
    if (tunnel === undefined) throw new Error("There is no tunnel");
    expect(await echoOnce(tunnel.ports[0]?.local ?? 0, "works with it")).toBe("works with it");
    await sandbox.control(["edge", "status", "401"]);
    (await connect(tunnel.ports[0]?.local ?? 0)).resume();
    await eventually(async () => expect((await user.list())[0]?.state).not.toBe("healthy"));

    const files = await user.files();
    expect(files.length).toBeGreaterThanOrEqual(2);
    const texts: (readonly [string, string])[] = await Promise.all(
      files.map(async (path) => [path, await readFile(join(user.home, path), "utf8")] as const),
    );
    texts.push(["arguments", argumentsOf(tunnel.pid).join(" ")]);
    texts.push(["environment", environmentOf(tunnel.pid)]);
    texts.push(["output of start", started.stdout + started.stderr]);
    for (const words of [["list"], ["status"], ["status", "--json"], ["logs", "1001"], ["config", "show"]]) {
      const { stdout, stderr } = await user.run([...words, "--trace", "-v", "DEBUG"]);
      texts.push([words.join(" "), stdout + stderr]);
    }
    const secrets = [
      sandbox.token,
      ...sandbox.token.split("."),
      Buffer.from(`USER:${sandbox.token}`).toString("base64"),
    ];
    for (const [where, text] of texts) {
      for (const secret of secrets.filter((part) => part.length > 30)) expect(text, where).not.toContain(secret);
    }
    // The log is there and was written at DEBUG: an empty one would prove nothing.
    expect(texts.find(([where]) => where === "logs 1001")?.[1]).toContain("401");
    await user.run(["stop", "--force"]);
    await user.expectNothingLeft();
  });

  test("records and logs can be read by their owner alone", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "7"]);
    for (const path of await user.files()) {
      expect(((await stat(join(user.home, path))).mode & 0o777).toString(8), path).toBe("600");
    }
    for (const folder of [user.stateFolder, user.recordFolder, join(user.stateFolder, "logs")]) {
      expect(((await stat(folder)).mode & 0o777).toString(8), folder).toBe("700");
    }
    await user.run(["stop"]);
  });

  test.each([["--trace"], ["--json"]])(
    "a server that repeats the token in its error is not quoted, with %s",
    async (flag) => {
      const token = "e30.c2VjcmV0LW9mLXRoZS10b2tlbi10aGF0LWlzLWxvbmc.c2lnbmF0dXJl";
      await using server = await serveLoopback((socket) => {
        socket.once("data", (head: Buffer) => {
          const authorization = /authorization: (.*)\r\n/i.exec(head.toString("latin1"))?.[1] ?? "";
          const body = JSON.stringify({ status: "ERROR", message: `Bad token ${authorization}` });
          socket.end(
            `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          );
        });
      });
      await using user = await Scratch.create({
        API: `http://127.0.0.1:${server.port}/pipeline/restapi`,
        API_TOKEN: token,
      });
      const result = await user.run(["start", "1001", "-lp", "0", "-rp", "22", "-r", "1", flag]);
      expect(result.exitCode).not.toBe(0);
      const said = result.stdout + result.stderr;
      expect(said).toContain("Bad token");
      expect(said).not.toContain("c2VjcmV0");
      for (const path of await user.files()) {
        expect(await readFile(join(user.home, path), "utf8"), path).not.toContain("c2VjcmV0");
      }
      await user.expectNothingLeft();
    },
  );

  test("a proxy's password given in its URL or by a variable is in no output, record or log", async () => {
    await using proxy = await serveLoopback((socket) => {
      socket.once("data", (head: Buffer) => {
        const authorization = /authorization: (.*)\r\n/i.exec(head.toString("latin1"))?.[1] ?? "";
        socket.end(`HTTP/1.1 407 No ${authorization} here\r\nContent-Length: 0\r\n\r\n`);
      });
    });
    const password = "pass-word-of-the-proxy";
    for (const env of [
      { RUNTUNNEL_PROXY: `http://jane:${password}@127.0.0.1:${proxy.port}` },
      {
        RUNTUNNEL_PROXY: `http://127.0.0.1:${proxy.port}`,
        RUNTUNNEL_PROXY_USER: "jane",
        RUNTUNNEL_PROXY_PASSWORD: password,
      },
    ]) {
      await using user = await Scratch.create(env);
      const result = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", "22", "-r", "1", "--trace"]);
      expect(result.exitCode).toBe(4);
      const encoded = Buffer.from(`jane:${password}`).toString("base64");
      const shown = (await user.run(["config", "show"])).stdout;
      for (const text of [result.stdout, result.stderr, shown]) {
        expect(text).not.toContain(password);
        expect(text).not.toContain(encoded);
      }
      for (const path of await user.files()) {
        const text = await readFile(join(user.home, path), "utf8");
        expect(text, path).not.toContain(password);
        expect(text, path).not.toContain(encoded);
      }
      await user.expectNothingLeft();
    }
  });

  test("a token that expires in a running tunnel is told apart, and a renewed one is used without a restart", async () => {
    await using sandbox = await openSandbox();
    const { API = "", API_TOKEN = "" } = sandbox.environment;
    await using user = await Scratch.create();
    const write = async (token: string): Promise<void> => {
      await Bun.write(join(user.home, ".pipe/config.json"), JSON.stringify({ api: API, access_key: token }));
    };
    await write(API_TOKEN);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "7"]);
    expect(await echoOnce(tunnel.port, "with the first token")).toBe("with the first token");
    await sandbox.control(["expire-token"]);
    await expect(echoOnce(tunnel.port, "without")).rejects.toThrow();
    expect((await user.run(["status"])).stdout).toMatch(/token|login/i);
    await write(await sandbox.control(["token", "user"]));
    expect(await echoOnce(tunnel.port, "with the renewed token")).toBe("with the renewed token");
    await user.run(["stop", "--force"]);
    await user.expectNothingLeft(/^(\.pipe\/config\.json|\.local\/state\/runtunnel\/logs\/.*)$/);
  });
});
