import { describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chooseHostKeys } from "../../src/ssh/authorized-keys-setup.ts";
import {
  formatPrivateKey,
  generateKeyPair,
  parsePrivateKey,
  publicKeyLine,
} from "../../src/ssh/formats/private-key.ts";
import { readIdentity } from "../../src/ssh/identity.ts";
import { decodeJournal, type JournalEntry } from "../../src/ssh/journal.ts";
import { type KeyFileContext, newKeyFiles, undoKeyFile, writeKeyFiles } from "../../src/ssh/key-files.ts";
import { undoPasswordless } from "../../src/ssh/undo-passwordless.ts";
import { tempHome } from "../support/temp-home.ts";
import { clientContext } from "./client-context.ts";

function fileContext(
  system: "linux" | "win32",
  journal: JournalEntry[],
  commands: (readonly string[])[],
): KeyFileContext {
  return {
    system,
    userName: "LAB\\An Na",
    journal: (entry) => {
      journal.push(entry);
      return Promise.resolve();
    },
    run: (command) => {
      commands.push(command);
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    },
  };
}

describe("writeKeyFiles()", () => {
  test("writes private files, each journaled before, and undoes them twice", async () => {
    await using home = await tempHome();
    const journal: JournalEntry[] = [];
    const key = await generateKeyPair("ed25519", "mine");
    const folder = join(home.path, "keys");
    const files = newKeyFiles(folder, "a b/c");
    expect(files.identityFile).toMatch(/\/a_b_c-[0-9a-f]{12}$/);
    await writeKeyFiles(folder, files, key, fileContext("linux", journal, []));
    expect((await readdir(folder)).length).toBe(3);
    for (const name of await readdir(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(parsePrivateKey(readFileSync(files.identityFile, "utf8"))).toEqual(key);
    expect(readFileSync(files.ppkFile, "utf8")).toStartWith("PuTTY-User-Key-File-2: ");
    expect(decodeJournal(journal).length).toBe(3);
    for (const entry of [...journal, ...journal]) await undoKeyFile(entry);
    expect(await readdir(folder)).toEqual([]);
  });

  test("takes others' rights away on Windows before the first key is written", async () => {
    await using home = await tempHome();
    const commands: (readonly string[])[] = [];
    const folder = join(home.path, "keys");
    const context = fileContext("win32", [], commands);
    const run: KeyFileContext["run"] = async (command) => {
      expect(await readdir(folder)).toEqual([]);
      return { ...(await context.run(command)), stdout: '"lab\\an na","S-1-5-21-1-2-3-1001"\r\n' };
    };
    await writeKeyFiles(folder, newKeyFiles(folder, "k"), await generateKeyPair("ed25519"), { ...context, run });
    expect(commands).toEqual([
      ["whoami", "/user", "/fo", "csv", "/nh"],
      ["icacls", folder, "/inheritance:r", "/grant:r", "*S-1-5-21-1-2-3-1001:(OI)(CI)F"],
    ]);
  });

  test("names the account where its identifier is not to be had, and writes nothing where icacls fails", async () => {
    await using home = await tempHome();
    const commands: (readonly string[])[] = [];
    const folder = join(home.path, "keys");
    const context = fileContext("win32", [], commands);
    const run: KeyFileContext["run"] = async (command) => ({ ...(await context.run(command)), code: 5 });
    const writing = writeKeyFiles(folder, newKeyFiles(folder, "k"), await generateKeyPair("ed25519"), {
      ...context,
      run,
    });
    await expect(writing).rejects.toMatchObject({ code: "not-private" });
    expect(commands.at(-1)).toContain("LAB\\An Na:(OI)(CI)F");
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("readIdentity()", () => {
  test("names a file that is not there, or that others can read", async () => {
    await using home = await tempHome();
    const path = join(home.path, "k");
    await expect(readIdentity(path, "linux")).rejects.toThrow(`There is no key file "${path}"`);
    await writeFile(path, formatPrivateKey(await generateKeyPair("ed25519"), "openssh"), { mode: 0o644 });
    await expect(readIdentity(path, "linux")).rejects.toMatchObject({ hint: `Run "chmod 600 '${path}'"` });
    await writeFile(path, "hello");
    await expect(readIdentity(path, "win32")).rejects.toThrow(`Cannot use the key file "${path}"`);
  });

  test("takes the public half of a protected key from its .pub", async () => {
    await using home = await tempHome();
    const path = join(home.path, "k");
    const key = await generateKeyPair("ed25519", "me");
    await writeFile(path, formatPrivateKey(key, "openssh", { passphrase: "x" }), { mode: 0o600 });
    await expect(readIdentity(path, "linux")).rejects.toThrow("is protected by a passphrase");
    await writeFile(`${path}.pub`, `${publicKeyLine(key)}\n`);
    const identity = await readIdentity(path, "linux");
    expect(identity).toEqual({ path, publicKey: publicKeyLine(key, ""), isForOpenssh: true, isPpk: false });
  });
});

describe("chooseHostKeys()", () => {
  const shown = { type: "ssh-ed25519", base64: "AAAA" };
  const other = { type: "ssh-rsa", base64: "BBBB" };
  test("trusts all that a run lists, if the shown one is among them", () => {
    expect(chooseHostKeys(shown, [other, shown])).toEqual([other, shown]);
    expect(chooseHostKeys(shown, [])).toEqual([shown]);
    expect(() => chooseHostKeys(shown, [other])).toThrow("does not list as its own");
  });
});

describe("undoPasswordless()", () => {
  const remote = { kind: "remote-authorized-key", accounts: ["root"], line: "x", system: "linux" } as const;

  test("reports steps it does not know or cannot read, and goes on", async () => {
    await using home = await tempHome();
    const path = join(home.path, "k");
    await writeFile(path, "");
    const entries = [{ kind: "file", path }, { kind: "telnet" }, { kind: "file", path: 5 }];
    const { failed } = await undoPasswordless(entries, { ...clientContext(home.path), clients: [] });
    expect(failed.map(({ entry }) => entry)).toEqual([{ kind: "file", path: 5 }, { kind: "telnet" }]);
    expect(await readdir(home.path)).toEqual([]);
  });

  test("gives a run that does not answer a bounded time", async () => {
    await using home = await tempHome();
    const connectAgain = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const context = { ...clientContext(home.path), clients: [], connectAgain, remoteTimeoutMs: 20 };
    const { failed } = await undoPasswordless([remote], context);
    expect(failed.map(({ entry }) => entry)).toEqual([remote]);
  });

  test("a run that is out of reach for good needs no undoing", async () => {
    await using home = await tempHome();
    expect(await undoPasswordless([remote], { ...clientContext(home.path), clients: [] })).toEqual({ failed: [] });
  });
});
