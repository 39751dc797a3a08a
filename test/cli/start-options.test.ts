import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/domain/errors.ts";
import type { StartOptions } from "../../src/tunnel/start.ts";
import { readStart, type WorldWishes } from "./cli-world.ts";

const PORTS = ["-lp", "4567", "-rp", "22"];
const start = (line: string, wishes: WorldWishes = {}): Promise<StartOptions> =>
  readStart(
    line.split(" ").filter((word) => word !== ""),
    wishes,
  );
const portsOf = async (line: string, wishes: WorldWishes = {}): Promise<string> =>
  (await start(line, wishes)).spec.ports.map(({ local, remote }) => `${local}:${remote}`).join(" ");

describe("start", () => {
  test("has these defaults", async () => {
    expect(await readStart(["start", "56819", ...PORTS])).toEqual({
      run: "56819",
      spec: {
        ports: [{ local: 4567, remote: 22 }],
        portFallback: false,
        listenAddress: "127.0.0.1",
        direct: false,
        connectTimeoutMs: 10_000,
        retries: 10,
        holdMs: 10_000,
        waitForRemote: false,
      },
      remotePortsGiven: true,
      conflict: {
        keepExisting: false,
        keepSame: false,
        replaceExisting: false,
        replaceDifferent: false,
        ignoreOwner: false,
      },
      timeoutMs: 300_000,
      stopTimeoutMs: 10_000,
      foreground: false,
    });
  });

  test.each([
    ["start 1 -lp 4567", "4567:4567"],
    ["start 1 -rp 22", "22:22"],
    ["start 1 -lp 4567 -rp 22", "4567:22"],
    ["start 1 -lp=4567 -rp=22", "4567:22"],
    ["start 1 --local-port 4567 --remote-port 22", "4567:22"],
    ["start 1 --local-port=4567 --remote-port=22", "4567:22"],
    ["start -lp 4567 1 -rp 22", "4567:22"],
    ["start -lp 4567 -rp 22 1", "4567:22"],
    ["tunnel start 1 -lp 4567 -rp 22", "4567:22"],
    ["start 1 -lp 1 -lp 4567 -rp 22", "4567:22"],
    ["start 1 -lp 4567-4569 -rp 8080-8082", "4567:8080 4568:8081 4569:8082"],
    ["start 1 -lp 4569-4567", "4567:4567 4568:4568 4569:4569"],
    ["start 1 -lp 0 -rp 22", "0:22"],
    ["start 1 -lp 0 -rp 22-23", "0:22 0:23"],
    ["start 1 -rp 22 --preferred-port 9922", "9922:22"],
    ["start 1 -rp 22-23 --preferred-port 9922", "9922:22 9923:23"],
    ["start 1 -rp 22 -lp 5 --preferred-port 9922", "5:22"],
  ])("reads the ports of %s", async (line, ports) => {
    expect(await portsOf(line)).toBe(ports);
  });

  test("may take another local port only where one was merely preferred", async () => {
    expect((await start("start 1 -rp 22 --preferred-port 9922")).spec.portFallback).toBe(true);
    expect((await start("start 1 -rp 22 -lp 9922 --preferred-port 9922")).spec.portFallback).toBe(false);
    const environment = { RUNTUNNEL_PREFERRED_PORT: "9922" };
    expect(await portsOf("start 1 -rp 22", { environment })).toBe("9922:22");
    expect(await portsOf("start 1 -rp 22", { configText: "preferred-port = 9922" })).toBe("9922:22");
  });

  test.each<[string, Partial<StartOptions["spec"]>]>([
    ["-d", { direct: true }],
    ["--direct", { direct: true }],
    ["-ct 2.5", { connectTimeoutMs: 2500 }],
    ["--connection-timeout 500ms", { connectTimeoutMs: 500 }],
    ["-ct 0", { connectTimeoutMs: 10_000 }],
    ["-r 3", { retries: 3 }],
    ["-r 0", { retries: 1 }],
    ["--retries=3", { retries: 3 }],
    ["-rg eu-central", { region: "eu-central" }],
    ["-u ben", { actAs: "ben" }],
    ["--app jupyter", { app: "jupyter" }],
    ["--listen-address 0.0.0.0", { listenAddress: "0.0.0.0" }],
    ["--listen-address [::1]", { listenAddress: "::1" }],
    ["--listen-address *", { listenAddress: "0.0.0.0" }],
    ["--wait-for remote", { waitForRemote: true }],
    ["-s", { ssh: { users: [], keep: false } }],
    ["-s -sk", { ssh: { users: [], keep: true } }],
    ["-s -sh mine", { ssh: { users: [], keep: false, alias: "mine" } }],
    ["-s -sp keys", { ssh: { users: [], keep: false, folder: "/work/keys" } }],
    ["-s -sp ~/keys", { ssh: { users: [], keep: false, folder: "/home/ada/keys" } }],
    ["-s -sp /keys", { ssh: { users: [], keep: false, folder: "/keys" } }],
    ["-s -su root", { ssh: { users: ["root"], keep: false } }],
    ["-s -su root -su ada", { ssh: { users: ["root", "ada"], keep: false } }],
    ["-s -i id_ed25519", { identity: "/work/id_ed25519" }],
    ["-s --identity ~/.ssh/id", { identity: "/home/ada/.ssh/id" }],
  ])("puts %s into the spec", async (words, spec) => {
    expect((await start(`start 1 -lp 4567 -rp 22 ${words}`)).spec).toMatchObject(spec);
  });

  test.each<[string, Partial<StartOptions>]>([
    ["-t 90000", { timeoutMs: 90_000 }],
    ["--timeout 90s", { timeoutMs: 90_000 }],
    ["-ts 5", { stopTimeoutMs: 5000 }],
    ["--timeout-stop 500ms", { stopTimeoutMs: 500 }],
    ["-f", { foreground: true }],
    ["-l out.log", { logFile: "/work/out.log" }],
    ["--log-file /tmp/x.log", { logFile: "/tmp/x.log" }],
    ["--platform host", { platform: "host" }],
  ])("reads %s", async (words, options) => {
    expect(await start(`start 1 -lp 4567 -rp 22 ${words}`)).toMatchObject(options);
  });

  test.each([
    ["-ke", "keepExisting"],
    ["--keep-existing", "keepExisting"],
    ["-ks", "keepSame"],
    ["--keep-same", "keepSame"],
    ["-re", "replaceExisting"],
    ["--replace-existing", "replaceExisting"],
    ["-rd", "replaceDifferent"],
    ["--replace-different", "replaceDifferent"],
    ["--ignore-owner", "ignoreOwner"],
    ["-ks -rd", "keepSame replaceDifferent"],
    ["-ks -ks", "keepSame"],
  ])("weighs existing tunnels by %s", async (words, set) => {
    const { conflict } = await start(`start 1 -lp 4567 ${words}`);
    const on = Object.entries(conflict ?? {}).filter(([, value]) => value);
    expect(on.map(([name]) => name).sort()).toEqual(set.split(" ").sort());
  });

  test("does not look at existing tunnels with --ignore-existing", async () => {
    expect("conflict" in (await start("start 1 -lp 4567 --ignore-existing -ke"))).toBe(false);
  });

  test.each<[string, string]>([
    ["start", "No run is given"],
    ["start 1 2 -lp 4567", 'Unknown argument "2"'],
    ["start 1 -lp", "--local-port needs a value"],
    ["start 1 -lp= -rp 22", "--local-port needs a value"],
    ["start 1 -lp abc", 'Cannot read --local-port "abc"'],
    ["start 1 -lp 70000", 'Port out of range in --local-port "70000"'],
    ["start 1 -rp 0", "Remote port 0 does not exist"],
    ["start 1 -lp 5 -rp 0", "Remote port 0 does not exist"],
    ["start 1 -lp 1-3 -rp 1-2", "The number of local ports (3) differs from the number of remote ports (2)"],
    ["start 1 -lp 4567,4568", 'Cannot read --local-port "4567,4568"'],
    ["start 1 -rp 22-23 --preferred-port 65535", "--preferred-port"],
    ["start 1 -rp 22 --preferred-port 0", 'Cannot read --preferred-port "0"'],
    ["start 1 -rp 22 --preferred-port 70000", 'Cannot read --preferred-port "70000"'],
    ["start 1 -lp 4567 -ct soon", 'Cannot read --connection-timeout "soon"'],
    ["start 1 -lp 4567 -t 25h", '--timeout "25h" is too long'],
    ["start 1 -lp 4567 -r 1.5", 'Cannot read --retries "1.5"'],
    ["start 1 -lp 4567 --wait-for local", 'Cannot read --wait-for "local"'],
    ["start 1 -lp 4567 -sh mine", "--ssh-host makes sense only with --ssh"],
    ["start 1 -lp 4567 -su a -sk", "--ssh-user, --ssh-keep makes sense only with --ssh"],
    ["start 1 -lp 4567 -s -su=", "--ssh-user needs a value"],
    ["start 1 -lp 4567 -skf", "Unknown option -skf"],
    ["start 1 -lp4567", "Unknown option"],
    ["start 1 -lp 4567 --no-direct", "Unknown option --no-direct"],
  ])("refuses %s", async (line, message) => {
    const outcome = start(line);
    await expect(outcome).rejects.toThrow(UsageError);
    await expect(outcome).rejects.toThrow(message);
  });

  test.each([
    ["start 1 --local-prot 4567", "--local-port"],
    ["start 1 --replace-diferent", "--replace-different"],
    ["start 1 --foregruond", "--foreground"],
    ["strat 1 -lp 4567", "start"],
    ["lsit", "list"],
    ["tunnel strat 1", "start"],
  ])("of %s suggests %s", async (line, suggestion) => {
    await expect(start(line)).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining(`Did you mean "${suggestion}"`),
    });
  });

  test("takes words that look like options only in front of --", async () => {
    await expect(start("start 1 -lp 4567 -- -rp 22")).resolves.toMatchObject({ spec: { ports: [{ remote: 4567 }] } });
  });

  test.each<[string, WorldWishes, string]>([
    ["start 1 -rp 22 -r many", {}, 'Cannot read --retries "many"'],
    ["start 1 -rp 22", { environment: { RUNTUNNEL_RETRIES: "many" } }, 'Cannot read RUNTUNNEL_RETRIES "many"'],
    [
      "start 1 -rp 22",
      { configText: 'retries = "many"' },
      'Cannot read retries in /home/ada/.config/runtunnel/config.toml "many"',
    ],
    [
      "start 1 -rp 22",
      { configText: 'profile = "far"\n[profiles.far]\nconnection-timeout = "soon"' },
      'Cannot read connection-timeout in /home/ada/.config/runtunnel/config.toml [profiles.far] "soon"',
    ],
    [
      "start 1 -rp 22",
      { environment: { RUNTUNNEL_PREFERRED_PORT: "70000" } },
      'Cannot read RUNTUNNEL_PREFERRED_PORT "70000"',
    ],
    [
      "start 1 -rp 22",
      { environment: { RUNTUNNEL_CONNECTION_TIMEOUT: "5 days" } },
      'Cannot read RUNTUNNEL_CONNECTION_TIMEOUT "5 days"',
    ],
  ])("of '%s' with %j names the place of a bad value", async (line, wishes, message) => {
    await expect(start(line, wishes)).rejects.toThrow(new UsageError(message));
  });
});
