// `doctor --bundle`: secrets are planted wherever a user may have them, and none is in the archive.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { Scratch } from "./support/scratch.ts";

setDefaultTimeout(60_000);

/** Each planted secret is a word of its own, so that a failure says which one leaked. */
const planted = (name: string): string => `planted-${name}-Qx7`;

const KEY_TEXT = `-----BEGIN OPENSSH PRIVATE KEY-----\n${planted("private-key")}\n-----END OPENSSH PRIVATE KEY-----\n`;

/** Where secrets are, by file below the home. */
const FILES: Readonly<Record<string, string>> = {
  ".config/runtunnel/config.toml": `# ${planted("comment")}
retries = 4
[host]
proxy = "http://jane:${planted("config-url")}@127.0.0.1:9"
proxy-password = "${planted("config-password")}"
[profiles.other.cloud-pipeline]
token = "${planted("profile-token")}"
[profiles.other.backend-ai]
secret-key = "${planted("profile-key")}"
`,
  ".config/runtunnel/service.toml": `# ${planted("service-comment")}
[[tunnel]]
name = "gpu"
run = 1001
local-port = 4567
remote-port = 22
password = "${planted("service-password")}"
`,
  ".config/runtunnel/broken.toml": `token = "${planted("broken-token")}\n[[`,
  ".config/runtunnel/backend-ai-login.json": JSON.stringify({
    endpoint: "http://127.0.0.1:9",
    user: "ada@example.com",
    sessionId: planted("web-session"),
  }),
  ".pipe/config.json": JSON.stringify({ api: "http://127.0.0.1:9", access_key: planted("pipe-token") }),
  ".backend.ai/credentials.toml": `secret_key = "${planted("client-key")}"\n`,
  ".local/state/runtunnel/keys/pipeline-1001": KEY_TEXT,
};

const ENVIRONMENT = {
  RUNTUNNEL_JUMP_PASSWORD: planted("jump-password"),
  BACKEND_PASSWORD: planted("backend-password"),
  SOME_API_TOKEN: planted("foreign-token"),
  https_proxy: `http://joe:${planted("proxy-variable")}@127.0.0.1:9`,
};

/** Lines of a log in which somebody's secrets ended up. */
const LOG_LINES = [
  `Authorization: Basic ${Buffer.from(`USER:${planted("pipe-token")}`).toString("base64")}`,
  `url https://host/?q=${encodeURIComponent(planted("config-password"))}`,
  `GET http://jane:${planted("log-url")}@proxy/`,
  `password=${planted("log-password")}`,
  `the pipe client said ${planted("pipe-token")} and ${planted("foreign-token")}`,
  KEY_TEXT,
];

async function unpack(path: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [name, file] of await new Bun.Archive(await readFile(path)).files()) files.set(name, await file.text());
  return files;
}

describe.skipIf(process.platform !== "linux")("doctor --bundle", () => {
  test("holds what support needs, and no secret in any spelling", async () => {
    await using sandbox = await openSandbox();
    const { API = "", API_TOKEN = "", BACKEND_SECRET_KEY = "" } = sandbox.environment;
    await using user = await Scratch.create({ ...ENVIRONMENT, ...sandbox.environment });
    for (const [name, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(user.home, name)), { recursive: true, mode: 0o700 });
      await writeFile(join(user.home, name), text, { mode: 0o600 });
    }
    const tunnel = await user.startTunnel([
      "1001",
      "-lp",
      "0",
      "-rp",
      "22",
      "--ssh",
      "--ssh-path",
      join(user.home, "ssh"),
    ]);
    await appendFile(tunnel.logFile, `${LOG_LINES.join("\n")}\n`);
    const record = await readFile(join(user.recordFolder, `${tunnel.id}.json`), "utf8");
    const controlToken: string = JSON.parse(record).control.token;

    const path = join(user.home, "report.tar.gz");
    const result = await user.run(["doctor", "1001", "--bundle", "report.tar.gz"]);
    expect(result.exitCode, result.stdout + result.stderr).toBe(0);
    expect(result.stdout).toContain(`Wrote ${path}`);
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");

    const files = await unpack(path);
    expect([...files.keys()].sort()).toEqual(
      [
        "doctor.json",
        "doctor.txt",
        "version.txt",
        "config/config.toml",
        "config/service.toml",
        "config/broken.toml",
        "config/settings.json",
        `tunnels/${tunnel.id}.json`,
        `logs/${tunnel.id}.log`,
      ]
        .map((name) => `report/${name}`)
        .sort(),
    );
    const everything = [...files].map(([name, text]) => `${name}\n${text}`).join("\n");
    const secrets = [
      ...new Set(
        [...Object.values(FILES), ...Object.values(ENVIRONMENT), ...LOG_LINES]
          .join("\n")
          .match(/planted-[a-z-]+-Qx7/g) ?? [],
      ),
    ];
    expect(secrets.length).toBe(18);
    for (const secret of [...secrets, API_TOKEN, ...API_TOKEN.split("."), BACKEND_SECRET_KEY, controlToken]) {
      if (secret.length < 12) continue;
      for (const spelling of [secret, encodeURIComponent(secret)]) expect(everything).not.toContain(spelling);
    }
    for (const word of everything.match(/[\w+/=-]{12,}/g) ?? []) {
      expect(Buffer.from(word, "base64").toString("latin1")).not.toContain("planted");
    }
    // What is left tells enough.
    expect(files.get("report/config/config.toml")).toContain("retries = 4");
    expect(files.get("report/config/service.toml")).toContain("local-port = 4567");
    expect(JSON.parse(files.get("report/doctor.json") ?? "")).toMatchObject({ run: "1001", ok: true });
    expect(JSON.parse(files.get(`report/tunnels/${tunnel.id}.json`) ?? "")).toMatchObject({ state: "ready" });
    expect(files.get("report/version.txt")).toContain("runtunnel");
    expect(files.get("report/config/settings.json")).toContain(new URL(API).host);
    await user.run(["stop", "--force"]);
  });

  test("is written where settings cannot be read and nothing runs, and other archives can be unpacked by tar", async () => {
    await using user = await Scratch.create();
    await mkdir(join(user.home, ".config", "runtunnel"), { recursive: true });
    await writeFile(join(user.home, ".config", "runtunnel", "config.toml"), "[host]\nproxy-password = broken-Qx7\n");
    const result = await user.run(["doctor", "--bundle", "b.tgz", "--json"]);
    expect(result.exitCode).toBe(2);
    expect(JSON.parse(result.stdout).bundle).toBe(join(user.home, "b.tgz"));
    const listed = Bun.spawnSync(["tar", "tzf", join(user.home, "b.tgz")]);
    expect(listed.stdout.toString().trim().split("\n")).toContain("b/doctor.json");
    const all = [...(await unpack(join(user.home, "b.tgz")))].join("\n");
    expect(all).not.toContain("broken-Qx7");
  });

  test("a folder that is not there is named", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["doctor", "--bundle", "no/such/b.tar.gz"]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("no/such");
  });
});
