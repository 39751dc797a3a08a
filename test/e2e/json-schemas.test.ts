// What commands print with --json against docs/schema: a member that is not described there fails, as one that is missing.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import Ajv2020 from "ajv/dist/2020";
import { openSandbox, type TestSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { kill, Scratch } from "./support/scratch.ts";
import { connect, echo, type LoopbackServer, serveEcho } from "./support/sockets.ts";

setDefaultTimeout(60_000);

const FOLDER = resolve(import.meta.dir, "../../docs/schema");
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
for (const name of NAMES) ajv.addSchema(JSON.parse(readFileSync(join(FOLDER, name), "utf8")), name);

/** One user's world, and the schemas that something of it was held against. */
class Reader implements AsyncDisposable {
  readonly used = new Set<string>();
  readonly sandbox: TestSandbox;
  readonly server: LoopbackServer;
  readonly user: Scratch;

  private constructor(sandbox: TestSandbox, server: LoopbackServer, user: Scratch) {
    this.sandbox = sandbox;
    this.server = server;
    this.user = user;
  }

  static async create(): Promise<Reader> {
    const sandbox = await openSandbox();
    return new Reader(sandbox, await serveEcho(), await Scratch.create(sandbox.environment));
  }

  /** Words that lead to the echo server. */
  get echoWords(): readonly string[] {
    return ["127.0.0.1", "-lp", "0", "-rp", String(this.server.port)];
  }

  check(schema: string, value: unknown): void {
    const name = `${schema}.json`;
    this.used.add(schema);
    expect(ajv.validate(name, value), `${name}: ${ajv.errorsText()}\n${JSON.stringify(value, undefined, 1)}`).toBe(
      true,
    );
  }

  /** Runs a command with --json and holds what it prints against a schema, whatever its exit code. */
  async hold<T>(schema: string, words: readonly string[]): Promise<T> {
    const result = await this.user.run([...words, "--json"]);
    const value: T = JSON.parse(result.stdout);
    this.check(schema, value);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.user[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.sandbox[Symbol.asyncDispose]();
  }
}

type Case = readonly [title: string, schemas: readonly string[], run: (reader: Reader) => Promise<void>];

const CASES: readonly Case[] = [
  [
    "errors, with and without a hop",
    ["error"],
    async (reader) => {
      await reader.hold("error", ["start", "1004", "-lp", "0", "-rp", "22"]);
      await reader.hold("error", ["start", "?"]);
      await reader.hold("error", ["lsit"]);
    },
  ],
  [
    "a tunnel's life: start, list, status, info, stop",
    ["start", "list", "status", "info", "overview", "doctor", "stop"],
    async (reader) => {
      const folder = join(reader.user.home, "ssh");
      const started = await reader.hold<{ id: string; ports: { local: number }[] }>("start", [
        ...["start", "1001", "-lp", "0", "-rp", "22", "--ssh", "--ssh-path", folder],
      ]);
      const plain = await reader.hold<{ pid: number; ports: { local: number }[] }>("start", [
        "start",
        ...reader.echoWords,
      ]);
      await reader.hold("start", ["start", ...reader.echoWords, "--keep-same"]);
      const socket = await connect(plain.ports[0]?.local ?? 0);
      await echo(socket, "some bytes");
      await reader.hold("list", ["list"]);
      await reader.hold("status", ["status"]);
      await reader.hold("info", ["info", "1001"]);
      await reader.hold("info", ["info", "1001", "--filezilla", join(reader.user.home, "sites.xml")]);
      await reader.hold("info", ["info", "127.0.0.1"]);
      await reader.hold("overview", []);
      await reader.hold("doctor", ["doctor", "1001", "--ssh"]);
      await reader.hold("doctor", ["doctor", "--bundle", join(reader.user.home, "b.tar.gz")]);
      await reader.hold("stop", ["stop", started.id]);
      socket.destroy();
      kill(plain.pid, "SIGKILL");
      await eventually(async () => {
        const { tunnels } = await reader.hold<{ tunnels: { state: string }[] }>("list", ["list"]);
        expect(tunnels[0]?.state).toBe("dead");
      });
      await reader.hold("status", ["status"]);
      await reader.hold("overview", []);
      await reader.hold("stop", ["stop"]);
    },
  ],
  [
    "tunnels in trouble, and of what is no record",
    ["start", "status", "list", "doctor", "stop"],
    async (reader) => {
      await reader.hold("start", ["start", "1001", "-lp", "0", "-rp", "9"]);
      const { ports } = await reader.hold<{ ports: { local: number }[] }>("start", [
        ...["start", "1001", "-lp", "0", "-rp", "7"],
      ]);
      await reader.sandbox.control(["edge", "down"]);
      (await connect(ports[0]?.local ?? 0)).resume();
      await eventually(async () => {
        const { tunnels } = await reader.hold<{ tunnels: { state: string; reason: unknown }[] }>("status", ["status"]);
        expect(tunnels.every(({ reason }) => reason !== null)).toBe(true);
      });
      await writeFile(join(reader.user.recordFolder, "1001-0badbad0.json"), "no record");
      await reader.hold("list", ["list"]);
      await reader.hold("doctor", ["doctor", "1001"]);
      await reader.hold("doctor", ["doctor"]);
      await reader.sandbox.control(["edge", "up"]);
      await reader.hold("stop", ["stop", "--force"]);
    },
  ],
  [
    "list --watch, line by line",
    ["list-watch"],
    async (reader) => {
      const watching = reader.user.spawn(["list", "--watch", "--json", "--interval", "100ms"]);
      await reader.user.startTunnel(reader.echoWords);
      await eventually(() => expect(watching.stdout).toContain('"healthy"'));
      await reader.user.run(["stop"]);
      await eventually(() => expect(watching.stdout).toContain('"removed"'));
      watching.interrupt();
      const { stdout } = await watching.end();
      for (const line of stdout.trimEnd().split("\n")) reader.check("list-watch", JSON.parse(line));
    },
  ],
  [
    "ui",
    ["ui"],
    async (reader) => {
      const page = reader.user.spawn(["ui", "--no-open", "--json"]);
      reader.check("ui", await eventually(() => JSON.parse(page.stdout)));
      page.interrupt();
      expect((await page.end()).exitCode).toBe(0);
    },
  ],
  [
    "settings, apps, runs, keys and logins",
    ["config-show", "apps", "runs", "key", "login"],
    async (reader) => {
      await reader.hold("config-show", ["config", "show"]);
      await reader.hold("apps", ["apps", "demo"]);
      await reader.hold("runs", ["runs"]);
      const key = join(reader.user.home, "id_container");
      await reader.hold("key", ["key", "demo", "-o", key]);
      await reader.hold("key", ["key", "convert", key, `${key}.ppk`]);
      await reader.hold("login", ["logout"]);
    },
  ],
  [
    "init",
    ["init"],
    async (reader) => {
      const { API = "", API_TOKEN = "" } = reader.sandbox.environment;
      const result = await reader.user.run(
        ["init", "--platform", "cloud-pipeline", "--url", API, "--secret-stdin", "--json"],
        {
          input: `${API_TOKEN}\n`,
          env: { API: undefined, API_TOKEN: undefined },
        },
      );
      expect(result.exitCode, result.stderr).toBe(0);
      reader.check("init", JSON.parse(result.stdout));
    },
  ],
  [
    "a project: diff, up, down, and of a service",
    ["diff", "up", "stop", "service-status"],
    async (reader) => {
      const file = join(reader.user.home, "runtunnel.toml");
      const entry = (name: string, port: number): string =>
        `[[tunnel]]\nname = "${name}"\nrun = "127.0.0.1"\nlocal-port = ${port}\nremote-port = ${reader.server.port}\n`;
      const { port } = await reader.user.startTunnel(reader.echoWords);
      await writeFile(file, entry("good", port) + entry("taken", reader.server.port));
      await reader.hold("diff", ["diff", file]);
      await reader.hold("up", ["up", file]);
      await reader.hold("diff", ["diff", file]);
      await reader.hold("stop", ["down", file]);
      await reader.hold("stop", ["stop"]);
      await reader.hold("service-status", ["service", "status"]);
      const service = join(reader.user.home, "service.toml");
      await writeFile(service, entry("good", port) + entry("taken", reader.server.port));
      const supervisor = reader.user.spawn(["service", "run", "--config", service]);
      await eventually(async () => {
        const { supervisor: seen } = await reader.hold<{ supervisor: { tunnels: { state: string }[] } | null }>(
          "service-status",
          [...["service", "status", "--config", service]],
        );
        expect(seen?.tunnels.map(({ state }) => state)).toEqual(["up", "waiting"]);
      });
      supervisor.interrupt();
      await supervisor.end();
      await reader.user.run(["stop"]);
    },
  ],
];

describe.skipIf(process.platform !== "linux")("the JSON of", () => {
  for (const [title, schemas, run] of CASES) {
    test(title, async () => {
      await using reader = await Reader.create();
      await run(reader);
      expect([...reader.used].sort()).toEqual([...schemas].sort());
    });
  }
});

test("docs/schema describes nothing that is not looked at", () => {
  const looked = new Set(CASES.flatMap(([, schemas]) => schemas.map((schema) => `${schema}.json`)));
  expect(NAMES.filter((name) => !looked.has(name))).toEqual(["tunnel.json"]);
});
