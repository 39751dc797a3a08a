// `runtunnel init`: on a terminal, in a script, and from what the platforms' own clients have.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "smol-toml";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { Terminal } from "../support/terminal.ts";
import { Scratch } from "./support/scratch.ts";

setDefaultTimeout(60_000);

const configOf = (user: Scratch): string => join(user.home, ".config", "runtunnel", "config.toml");
const readConfig = async (user: Scratch): Promise<unknown> => parse(await readFile(configOf(user), "utf8"));
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

/** What `pipe configure` leaves behind. */
async function configurePipe(user: Scratch, api: string, token: string): Promise<void> {
  await mkdir(join(user.home, ".pipe"));
  await writeFile(join(user.home, ".pipe", "config.json"), JSON.stringify({ api, access_key: token, tz: "local" }));
}

describe.skipIf(process.platform !== "linux")("init in a script", () => {
  test("checks a token from standard input and keeps it for nobody else to read", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { API: url = "", API_TOKEN: token = "" } = sandbox.environment;
    const words = ["init", "--platform", "cloud-pipeline", "--url", url, "--secret-stdin"];
    const { stdout, stderr, exitCode } = await user.run(words, { input: `${token}\n` });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toStartWith("Cloud Pipeline is set up as USER@corp.example\n");
    expect(await readConfig(user)).toEqual({ "cloud-pipeline": { api: url, token } });
    expect(await modeOf(configOf(user))).toBe(0o600);
    expect(await modeOf(join(user.home, ".config", "runtunnel"))).toBe(0o700);
    expect((await user.run(["runs", "--limit", "1"])).exitCode).toBe(0);
  });

  test("takes the secret from the environment, and writes a profile beside what is there", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    await mkdir(join(user.home, ".config", "runtunnel"), { recursive: true });
    await writeFile(configOf(user), '# mine\nretries = "3" # keep\n');
    await chmod(configOf(user), 0o644);
    const {
      BACKEND_ENDPOINT: url = "",
      BACKEND_ACCESS_KEY: key = "",
      BACKEND_SECRET_KEY: secret = "",
    } = sandbox.environment;
    const words = ["init", "--platform", "bai", "--url", url, "--access-key", key, "--profile", "lab", "--json"];
    const result = await user.run(words, { env: { RUNTUNNEL_BACKEND_AI_SECRET_KEY: secret } });
    expect(result.exitCode, result.stderr).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({
      platform: "backend-ai",
      user: `key pair ${key}`,
      file: configOf(user),
      profile: "lab",
    });
    expect(await readFile(configOf(user), "utf8")).toStartWith('# mine\nretries = "3" # keep\n');
    expect(await readConfig(user)).toEqual({
      retries: "3",
      profiles: {
        lab: { "backend-ai": { endpoint: url, "endpoint-type": "api", "access-key": key, "secret-key": secret } },
      },
    });
    expect(await modeOf(configOf(user))).toBe(0o600);
  });

  test("writes nothing when the server refuses, and never shows the secret", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { API: url = "", API_TOKEN: token = "" } = sandbox.environment;
    const [head = "", claims = ""] = token.split(".");
    const forged = `${head}.${claims}.${Buffer.from("no signature").toString("base64url")}`;
    const words = ["init", "--platform", "cp", "--url", url, "--secret-stdin", "--trace"];
    const { stdout, stderr, exitCode } = await user.run(words, { input: forged });
    expect(exitCode).toBe(4);
    expect(stderr).toContain("refused the login (401)");
    expect(stdout + stderr).not.toContain(forged.slice(-12));
    expect(await user.files()).toEqual([]);
  });

  test.each([
    [["init"], "--platform is missing"],
    [["init", "--platform", "cp", "--url", "https://x.example"], "the secret on standard input is missing"],
    [["init", "--platform", "bai"], "--url and --access-key and the secret on standard input are missing"],
    [["init", "--platform", "cp", "--url", "x.example", "--secret-stdin"], "--url: Give a web address"],
    [["init", "--platform", "host"], 'There is nothing to set up for platform "host"'],
  ])("%p says what is missing or wrong", async (words, message) => {
    await using user = await Scratch.create();
    const { stderr, exitCode } = await user.run(words, { input: "secret" });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toContain("hint: ");
  });

  test("--import copies what pipe has, and says so where pipe has nothing", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const none = await user.run(["init", "--platform", "cp", "--import"]);
    expect([none.exitCode, none.stderr]).toEqual([5, expect.stringContaining("is not configured on this machine")]);
    const { API: api = "", API_TOKEN: token = "" } = sandbox.environment;
    await configurePipe(user, api, token);
    const { exitCode, stderr } = await user.run(["init", "--platform", "cp", "--import"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(await readConfig(user)).toEqual({ "cloud-pipeline": { api, token } });
  });

  test("uses what pipe has as it is where nothing else is said", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { API: api = "", API_TOKEN: token = "" } = sandbox.environment;
    await configurePipe(user, api, token);
    const { stdout, exitCode } = await user.run(["init", "--platform", "cp"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Nothing is written: what is in ${join(user.home, ".pipe/config.json")} is used as it is`);
    expect(await user.files()).toEqual([".pipe/config.json"]);
  });

  test("logs in at a web UI with what the environment holds, and keeps no password", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { BACKEND_USER = "", BACKEND_PASSWORD = "" } = sandbox.backendAi.webEnvironment;
    const words = ["init", "--platform", "bai", "--url", sandbox.backendAi.webUrl, "--endpoint-type", "session"];
    const result = await user.run(words, { env: { BACKEND_USER, BACKEND_PASSWORD } });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await readConfig(user)).toEqual({
      "backend-ai": { endpoint: sandbox.backendAi.webUrl, "endpoint-type": "session" },
    });
    for (const file of await user.files()) {
      expect(await readFile(join(user.home, file), "utf8")).not.toContain(BACKEND_PASSWORD);
    }
    expect((await user.run(["runs"])).stdout).toContain("demo");
  });

  test("--import copies what backend.ai has in its files", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { BACKEND_ENDPOINT: endpoint, BACKEND_ACCESS_KEY: key, BACKEND_SECRET_KEY: secret } = sandbox.environment;
    await mkdir(join(user.home, ".backend.ai"));
    await writeFile(join(user.home, ".backend.ai", "config.toml"), `[backend-ai]\nendpoint = "${endpoint}"\n`);
    await writeFile(
      join(user.home, ".backend.ai", "credentials.toml"),
      `[backend-ai]\naccess_key = "${key}"\nsecret_key = "${secret}"\n`,
    );
    expect((await user.run(["init", "--platform", "bai", "--import"])).exitCode).toBe(0);
    expect(await readConfig(user)).toEqual({
      "backend-ai": { endpoint, "endpoint-type": "api", "access-key": key, "secret-key": secret },
    });
  });
});

describe.skipIf(process.platform !== "linux" || !requirePeer("tmux"))("init on a terminal", () => {
  test("asks for platform, address and token, hides the token, and asks again after a mistake", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { API: url = "", API_TOKEN: token = "" } = sandbox.environment;
    await using terminal = await Terminal.open(["init"], { home: user.home, env: user.env });
    await terminal.see("Which platform?");
    await terminal.press("Enter");
    await terminal.see("Address of the REST API");
    await terminal.type(url);
    await terminal.press("Enter");
    await terminal.see("Access token");
    await terminal.type("mistyped-token");
    await terminal.press("Enter");
    const refusal = await terminal.see("Enter it again?");
    expect(refusal).toContain("refused the login (401)");
    expect(refusal).not.toContain("mistyped");
    await terminal.press("Enter");
    await terminal.see(/Enter it again\?[\s\S]*Address of the REST API/);
    // Enter alone: the address of before.
    await terminal.press("Enter");
    await terminal.see(/Enter it again\?[\s\S]*Access token/);
    await terminal.type(token);
    await terminal.press("Enter");
    const screen = await terminal.see("Cloud Pipeline is set up as USER@corp.example");
    expect(screen).not.toContain(token.slice(0, 20));
    expect(screen).toContain("Next: runtunnel runs");
    expect(await terminal.end()).toBe(0);
    expect(await readConfig(user)).toEqual({ "cloud-pipeline": { api: url, token } });
  });

  test("offers what pipe has, and leaves it where it is", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { API: api = "", API_TOKEN: token = "" } = sandbox.environment;
    await configurePipe(user, api, token);
    await using terminal = await Terminal.open(["init", "--platform", "cp"], { home: user.home, env: user.env });
    const screen = await terminal.see("Use it as it is");
    expect(screen.replaceAll(/[\n│]\s*/g, "")).toContain("jwt of USER@corp.example");
    await terminal.press("Enter");
    await terminal.see("is used as it is");
    expect(await terminal.end()).toBe(0);
    expect(await user.files()).toEqual([".pipe/config.json"]);
  });

  test("logs in at a web UI, and keeps the login but no password", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create();
    const { BACKEND_USER: name = "", BACKEND_PASSWORD: password = "" } = sandbox.backendAi.webEnvironment;
    await using terminal = await Terminal.open(["init", "--platform", "bai", "--endpoint-type", "session"], {
      home: user.home,
      env: user.env,
    });
    await terminal.see("Address of the manager or of the web UI");
    await terminal.type(sandbox.backendAi.webUrl);
    await terminal.press("Enter");
    await terminal.see("User:");
    await terminal.type(name);
    await terminal.press("Enter");
    await terminal.see("Password:");
    await terminal.type(password);
    await terminal.press("Enter");
    await terminal.see(`Backend.AI is set up as ${name}`);
    expect(await terminal.end()).toBe(0);
    expect(await readFile(configOf(user), "utf8")).not.toContain(password);
    expect((await user.run(["runs"])).stdout).toContain("demo");
  });
});
