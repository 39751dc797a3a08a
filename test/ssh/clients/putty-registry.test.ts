import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ClientContext } from "../../../src/ssh/clients/client.ts";
import { putty } from "../../../src/ssh/clients/putty/putty.ts";
import {
  HOST_KEYS_KEY,
  isEmptyRegKey,
  parseRegValues,
  regAdd,
  regDelete,
  regExport,
  regImport,
  regQuery,
  sessionKey,
} from "../../../src/ssh/clients/putty/registry.ts";
import type { JournalEntry } from "../../../src/ssh/journal.ts";
import type { RunProgram } from "../../../src/ssh/run-program.ts";
import { tempHome } from "../../support/temp-home.ts";
import { clientContext, someHost } from "../client-context.ts";

setDefaultTimeout(180_000);

const KEY = "HKCU\\Software\\SimonTatham\\PuTTY\\Sessions\\pipeline-56819";

describe("registry commands", () => {
  test("name single keys and values, and never ask", () => {
    expect(sessionKey("pipeline-56819")).toBe(KEY);
    expect(regAdd(KEY, "PortNumber", 4567)).toEqual([
      "reg",
      "add",
      KEY,
      "/v",
      "PortNumber",
      "/t",
      "REG_DWORD",
      "/d",
      "4567",
      "/f",
    ]);
    expect(regAdd(HOST_KEYS_KEY, "a@1:b", "0x1")).toEqual([
      ..."reg add HKCU\\Software\\SimonTatham\\PuTTY\\SshHostKeys /v a@1:b /t REG_SZ /d 0x1 /f".split(" "),
    ]);
    expect(regDelete(KEY)).toEqual(["reg", "delete", KEY, "/f"]);
    expect(regDelete(KEY, "x")).toEqual(["reg", "delete", KEY, "/v", "x", "/f"]);
    expect(regQuery(KEY)).toEqual(["reg", "query", KEY]);
    expect(regExport(KEY, "C:\\b")).toEqual(["reg", "export", KEY, "C:\\b", "/y"]);
    expect(regImport("C:\\b")).toEqual(["reg", "import", "C:\\b"]);
  });

  test("parseRegValues() reads what reg.exe prints", () => {
    const output = [
      "",
      "HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\x",
      "    HostName    REG_SZ    127.0.0.1",
      "    PortNumber    REG_DWORD    0x11d7",
      "    PublicKeyFile    REG_SZ    C:\\Users\\An Na    2\\k.ppk",
      "    Empty    REG_SZ    ",
      "    (Default)    REG_SZ    (value not set)",
      "",
      "HKEY_CURRENT_USER\\Software\\SimonTatham\\PuTTY\\Sessions\\x\\sub",
    ].join("\r\n");
    expect(Object.fromEntries(parseRegValues(output))).toEqual({
      HostName: "127.0.0.1",
      PortNumber: "4567",
      PublicKeyFile: "C:\\Users\\An Na    2\\k.ppk",
      Empty: "",
      "(Default)": "(value not set)",
    });
  });
});

/** Runs a Windows program. Its output goes to a file: background processes of Wine keep a pipe open after its end. */
function wineRunner(home: string, prefix: string): RunProgram {
  return async ([program = "", ...words]) => {
    const isServer = program === "wineserver";
    const command = isServer ? ["/usr/lib/wine/wineserver", ...words] : [WINE ?? "wine64", program, ...words];
    const output = join(home, `output-${crypto.randomUUID()}`);
    const child = Bun.spawn(command, {
      stdin: "ignore",
      stdout: Bun.file(output),
      stderr: "ignore",
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: home,
        WINEPREFIX: prefix,
        WINEARCH: "win64",
        WINEDEBUG: "-all",
        WINEDLLOVERRIDES: "mscoree,mshtml=",
      },
    });
    const code = await child.exited;
    return { code, stdout: await Bun.file(output).text(), stderr: "" };
  };
}

const WINE = ["/usr/lib/wine/wine64", "/usr/bin/wine64", "/usr/bin/wine"].find((path) => existsSync(path));
const mustHave = process.env["RUNTUNNEL_REQUIRE_PEERS"] === "1";

test.each([
  ["\r\nHKEY_CURRENT_USER\\Software\\K\r\n", true],
  ["\r\n", true],
  ["\r\nHKEY_CURRENT_USER\\Software\\K\\Sub\r\n", false],
  ["\r\nHKEY_CURRENT_USER\\Software\\K\r\n    a    REG_SZ    \r\n", false],
])("isEmptyRegKey() of %j is %p", (output, expected) => {
  expect(isEmptyRegKey(output, "HKCU\\Software\\K")).toBe(expected);
});

describe.skipIf(WINE === undefined && !mustHave)("putty on Windows, judged by Wine's reg.exe", () => {
  test("writes a session and host keys, keeps the user's, and takes exactly its own back", async () => {
    await using home = await tempHome();
    const prefix = join(home.path, "prefix");
    await mkdir(prefix);
    const reg = wineRunner(home.path, prefix);
    // Ends the processes of this prefix alone.
    await using _server = { [Symbol.asyncDispose]: async () => void (await reg(["wineserver", "-k"])) };
    const read = async (key: string) => Object.fromEntries(parseRegValues((await reg(regQuery(key))).stdout));
    expect((await reg(["wineboot", "-i"])).code).toBe(0);

    const user = await reg(regAdd(KEY, "HostName", "mine.example"));
    expect(user).toMatchObject({ code: 0 });
    await reg(regAdd(KEY, "ProxyPassword", "a %TEMP% b"));
    await reg(regAdd(`${KEY}9`, "HostName", "other.example"));
    await reg(regAdd(HOST_KEYS_KEY, "ssh-ed25519@4567:127.0.0.1", "0x1,0x2"));
    await reg(regAdd(HOST_KEYS_KEY, "ssh-ed25519@45678:127.0.0.1", "0x3,0x4"));

    const context: ClientContext = { ...clientContext(home.path), system: "win32", run: reg };
    const ppkFile = "C:\\Users\\An Na\\keys\\k.ppk";
    const entries = await putty.plan(someHost(home.path, { ppkFile }), context);
    for (let times = 0; times < 2; times += 1) for (const entry of entries) await putty.apply(entry, context);
    expect(await read(KEY)).toMatchObject({
      HostName: "127.0.0.1",
      PortNumber: "4567",
      PublicKeyFile: ppkFile,
      UserName: "root",
    });
    expect(await read(KEY)).not.toHaveProperty("ProxyPassword");
    expect((await read(HOST_KEYS_KEY))["ssh-ed25519@4567:127.0.0.1"]).toStartWith("0x17ea");

    const stored: readonly JournalEntry[] = JSON.parse(JSON.stringify(entries));
    for (let times = 0; times < 2; times += 1)
      for (const entry of stored.toReversed()) await putty.undo(entry, context);
    expect(await read(KEY)).toEqual({ HostName: "mine.example", ProxyPassword: "a %TEMP% b" });
    expect(await read(`${KEY}9`)).toEqual({ HostName: "other.example" });
    expect(await read(HOST_KEYS_KEY)).toEqual({
      "ssh-ed25519@4567:127.0.0.1": "0x1,0x2",
      "ssh-ed25519@45678:127.0.0.1": "0x3,0x4",
    });

    await reg(regDelete(KEY));
    for (const entry of stored) await putty.apply(entry, context);
    for (const entry of stored.toReversed()) await putty.undo(entry, context);
    expect((await reg(regQuery(KEY))).code).not.toBe(0);

    // Where nothing of PuTTY's was there before, nothing stays.
    const root = "HKCU\\Software\\SimonTatham";
    await reg(regDelete(root));
    const fresh = await putty.plan(someHost(home.path, { ppkFile }), context);
    for (const entry of fresh) await putty.apply(entry, context);
    expect((await reg(regQuery(root))).code).toBe(0);
    for (const entry of fresh.toReversed()) await putty.undo(entry, context);
    expect((await reg(regQuery(root))).code).not.toBe(0);
  });
});
