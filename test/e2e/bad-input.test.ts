// What people and crashes get wrong: words, files, folders. One clear line, the right exit code, nothing left.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requirePeer } from "../support/peers.ts";
import { cliCommand } from "../support/run-cli.ts";
import { Scratch } from "./support/scratch.ts";
import { runProgram } from "./support/servers.ts";
import { serveEcho } from "./support/sockets.ts";
import { runClient } from "./support/ssh-clients.ts";

setDefaultTimeout(60_000);

const onLinux = describe.skipIf(process.platform !== "linux");

/** Words that cannot be obeyed, what is said about them, and what is advised. */
const WRONG_WORDS: readonly (readonly [string, string, RegExp])[] = [
  ["start 1001", "Neither a local nor a remote port is given", /-lp 4567 -rp 22/],
  ["start 1001 -lp 65536", 'Port out of range in --local-port "65536"', /1 to 65535/],
  ["start 1001 -lp 0-3 -rp 4-7", 'Port out of range in --local-port "0-3"', /1 to 65535/],
  ["start 1001 -lp -1", 'Cannot read --local-port "-1"', /4567-4569/],
  ["start 1001 -lp 22x", 'Cannot read --local-port "22x"', /4567-4569/],
  ["start 1001 -lp 1-2 -rp 3", "number of local ports (2) differs from the number of remote ports (1)", /equal length/],
  ["start 1001 -lp 4567 -rp 0", "Remote port 0 does not exist", /--remote-port/],
  ["start 1001 -lp", "--local-port needs a value", /^$/],
  ["start", "No run is given", /runtunnel runs/],
  ["info", "Something is missing: runtunnel info <run>", /runtunnel info --help/],
  ["start 1001 2002 -lp 1", 'Unknown argument "2002"', /--help/],
  ["start 1001 -lp 4567 --bogus", "Unknown option --bogus", /--help/],
  ["start 1001 --local-prot 4567", "Unknown option --local-prot", /Did you mean "--local-port"/],
  ["start 1001 -xp 4567", "Unknown option -xp", /"-lp"/],
  ["start 1001 -lp 4567 -t soon", 'Cannot read --timeout "soon"', /500ms, 30s or 5m/],
  ["start 1001 -lp 4567 -t 25h", 'Duration of --timeout "25h" is too long', /24h/],
  ["start 1001 -lp 4567 -ct -5", 'Cannot read --connection-timeout "-5"', /500ms/],
  ["start 1001 -lp 4567 -r none", 'Cannot read --retries "none"', /0 to 1000/],
  ["start 1001 -lp 4567 -v LOUD", 'Cannot read --log-level "LOUD"', /DEBUG/],
  ["start 1001 -lp 4567 --wait-for moon", 'Cannot read --wait-for "moon"', /"remote"/],
  ["start 1001 -lp 4567 --ssh-host x", "--ssh-host makes sense only with --ssh", /Add --ssh/],
  ["start 1001 -lp 4567 --platform nasa", 'There is no platform "nasa"', /cloud-pipeline/],
  ["start what?! -lp 4567", '"what?!" is not a run id, a session name or a host', /56819/],
  ["start 127.0.0.1 -lp 4567 --proxy gopher://x", "Cannot read the proxy given by flag --proxy", /http:\/\//],
  ["stop -lp x", 'Cannot read --local-port "x"', /4567/],
  ["logs 1001 -n -3", 'Cannot read --lines "-3"', /whole number/],
  ["proxy 127.0.0.1 70000", 'Cannot read the port "70000"', /1 to 65535/],
  ["sandbox status", "No sandbox is running here", /runtunnel sandbox/],
  ["lst", 'There is no command "lst"', /Did you mean "list"/],
  ["serve", '"serve" needs the id of a tunnel', /^$/],
];

onLinux("wrong words", () => {
  test.each(WRONG_WORDS)("%s", async (words, message, hint) => {
    await using user = await Scratch.create();
    const result = await user.run(words.split(" "));
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toBe("");
    const [first = "", second = "", ...rest] = result.stderr.trimEnd().split("\n");
    expect(first).toStartWith("error: ");
    expect(first).toContain(message);
    expect(second.replace(/^hint: /, "")).toMatch(hint);
    expect(rest).toEqual([]);
    expect(await user.files()).toEqual([]);
  });

  test("an empty run, as an unset variable gives it, is named as missing", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["start", "", "-lp", "4567"]);
    expect([result.exitCode, result.stderr.split("\n")[0]]).toEqual([2, "error: No run is given"]);
  });

  test("--json tells the same failure as data, with the same exit code", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["start", "1001", "-lp", "70000", "--json"]);
    expect(result.exitCode).toBe(2);
    expect(JSON.parse(result.stdout)).toEqual({
      error: {
        code: "usage",
        message: 'Port out of range in --local-port "70000"',
        hint: "Ports go from 1 to 65535",
        exitCode: 2,
      },
    });
  });
});

onLinux("wrong files", () => {
  test.each([
    ["no TOML", "this is not TOML"],
    ["half a file", '[cloud-pipeline]\napi = "https://x'],
    ["an unknown key", "colour = 3"],
    ["a value of the wrong type", "[host]\nproxy = [17]"],
    ["bytes that are no text", "\u0000\u0001\u0002"],
  ])("a configuration file with %s is refused by name, and list --help still works", async (_what, text) => {
    await using user = await Scratch.create();
    await mkdir(join(user.home, ".config/runtunnel"), { recursive: true });
    await writeFile(join(user.home, ".config/runtunnel/config.toml"), text);
    const result = await user.run(["config", "show"]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/^error: .*config\.toml/);
    expect(result.stderr).not.toContain("This is a bug");
    expect((await user.run(["list", "--help"])).exitCode).toBe(0);
  });

  test.each([
    ["garbage", "\u0000garbage"],
    ["half a record", '{"format": 1, "id": "1001-abc'],
    ["nothing", ""],
    ["JSON of another kind", "[1, 2]"],
    ["a record that lacks everything", '{"format": 1}'],
  ])("a record file that holds %s: list warns, stop sets it aside, start works", async (_what, text) => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    await mkdir(user.recordFolder, { recursive: true, mode: 0o700 });
    await writeFile(join(user.recordFolder, "1001-0badbad0.json"), text);
    const list = await user.run(["list"]);
    expect(list.exitCode).toBe(0);
    expect(list.stdout + list.stderr).toContain('warning: Cannot read record "');
    expect(await readdir(user.recordFolder)).toEqual(["1001-0badbad0.json"]);
    const started = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", String(server.port)]);
    expect(started.exitCode, started.stderr).toBe(0);
    expect(started.stderr).toContain("set aside as");
    expect((await user.list()).map(({ state }) => state)).toEqual(["healthy"]);
    await user.run(["stop"]);
    await user.expectNothingLeft(/\/logs\/|\/1001-0badbad0\.json\.damaged$/);
  });

  test("a record of a newer format is left alone", async () => {
    await using user = await Scratch.create();
    await mkdir(user.recordFolder, { recursive: true, mode: 0o700 });
    await writeFile(join(user.recordFolder, "1001-0badbad0.json"), '{"format": 99}');
    expect((await user.run(["list"])).stdout).toContain("written by a newer runtunnel (format 99)");
    expect((await user.run(["stop"])).exitCode).toBe(0);
    expect(await readdir(user.recordFolder)).toContain("1001-0badbad0.json");
  });

  test("a configuration file that cannot be read keeps nobody from seeing and stopping tunnels", async () => {
    await using echo = await serveEcho();
    await using user = await Scratch.create();
    const tunnel = await user.startTunnel(["127.0.0.1", "-lp", "0", "-rp", String(echo.port)]);
    const folder = join(user.home, ".config/runtunnel");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.toml"), "x = [");
    for (const words of [["list"], ["status"], ["stop"]]) {
      const result = await user.run(words);
      expect([words, result.exitCode]).toEqual([words, 0]);
      expect(result.stdout).toContain(String(tunnel.port));
      expect(result.stderr).toMatch(/^warning: Cannot read ".*config.toml", line 1/);
    }
    expect((await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", String(echo.port)])).exitCode).toBe(2);
  });

  test("a state folder that is a file is named", async () => {
    await using user = await Scratch.create();
    await mkdir(join(user.home, ".local/state"), { recursive: true });
    await writeFile(user.stateFolder, "");
    const result = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", "7"]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/^error: .*\.local\/state\/runtunnel/);
    expect(result.stderr).not.toContain("This is a bug");
    expect((await user.run(["list"])).exitCode).toBe(0);
  });

  test.skipIf(!canMount())("a state folder that cannot be written is named", async () => {
    await using user = await Scratch.create();
    const [program = "", ...words] = [...cliCommand(), "start", "127.0.0.1", "-lp", "0", "-rp", "7"];
    const script = 'mkdir "$HOME/state" && mount -t tmpfs -o ro tmpfs "$HOME/state" && exec "$@"';
    const result = await runClient(["unshare", "-m", "sh", "-c", script, "sh", program, ...words], {
      env: { HOME: user.home, RUNTUNNEL_STATE_DIR: join(user.home, "state/runtunnel") },
    });
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/^error: .*state\/runtunnel/);
    expect(result.stderr).toMatch(/read-only/i);
    expect(result.stderr).not.toContain("This is a bug");
  });

  test.skipIf(!canMount())("a full disk: start says so, keeps nothing, and works when there is room", async () => {
    await using server = await serveEcho();
    await using user = await Scratch.create();
    const [program = "", ...words] = [...cliCommand(), "start", "127.0.0.1", "-lp", "0", "-rp", String(server.port)];
    const script = [
      "set -e",
      'mkdir "$HOME/state"',
      'mount -t tmpfs -o size=1m tmpfs "$HOME/state"',
      'dd if=/dev/zero of="$HOME/state/ballast" bs=4k 2>/dev/null || true',
      'export RUNTUNNEL_STATE_DIR="$HOME/state/runtunnel"',
      '"$@" && echo "it started" || echo "exit $?"',
      'rm "$HOME/state/ballast"',
      'find "$HOME/state" -type f',
      '"$@"',
      '"$1" stop',
      'find "$HOME/state" -name "*.json*"',
    ].join("\n");
    const result = await runClient(["unshare", "-m", "sh", "-c", script, "sh", program, ...words], {
      env: { HOME: user.home },
    });
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/^error: .*(no space|disk is full|full)/im);
    expect(result.stderr).not.toContain("This is a bug");
    expect(result.stdout).toMatch(/^exit 1\n127\.0\.0\.1: .* up in .*\n127\.0\.0\.1: .* stopped\n$/);
    await user.expectNothingLeft();
  });

  test("a log file in a folder that is not there is named before anything starts", async () => {
    await using user = await Scratch.create();
    const result = await user.run(["start", "127.0.0.1", "-lp", "0", "-rp", "7", "-l", "no/such/folder/x.log"]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(`error: Cannot open the log file "${user.home}/no/such/folder/x.log"`);
    await user.expectNothingLeft();
  });
});

onLinux("a working directory", () => {
  test(".env and bunfig.toml do not configure the program", async () => {
    await using user = await Scratch.create();
    const folder = join(user.home, "project");
    await mkdir(folder);
    await writeFile(join(folder, ".env"), "API=http://127.0.0.1:9/evil\nAPI_TOKEN=stolen\nRUNTUNNEL_STATE_DIR=/evil\n");
    await writeFile(join(folder, ".env.local"), "RUNTUNNEL_PROXY=http://127.0.0.1:9\n");
    await writeFile(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    await writeFile(join(folder, "evil.ts"), 'console.log("evil");\n');
    await writeFile(join(folder, "package.json"), '{"name": "evil", "bun": {"preload": "./evil.ts"}}\n');
    await writeFile(join(folder, "tsconfig.json"), "not JSON\n");
    const shown = await user.run(["config", "show"], { cwd: folder });
    expect(shown.exitCode, shown.stderr).toBe(0);
    expect(shown.stdout).not.toMatch(/evil|stolen|127\.0\.0\.1:9/);
    expect(shown.stdout).toContain(user.stateFolder);
  });
});

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !requirePeer("unshare", "mount", "dd")) return false;
  try {
    runProgram("unshare", ["-m", "true"]);
    return true;
  } catch {
    return false;
  }
}
