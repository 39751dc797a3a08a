import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ClientContext, SshHost } from "../../../src/ssh/clients/client.ts";
import { putty } from "../../../src/ssh/clients/putty/putty.ts";
import { tempHome } from "../../support/temp-home.ts";
import { clientContext, someHost } from "../client-context.ts";

setDefaultTimeout(180_000);

const NAME = "ssh-ed25519@4567:127.0.0.1";
const MINE = "HostName=mine.example\nProxyPassword=secret\nRuntunnelLike=no\n";

async function add(context: ClientContext, change: Partial<SshHost> = {}) {
  const entries = await putty.plan(someHost(context.homeFolder, change), context);
  for (let times = 0; times < 2; times += 1) for (const entry of entries) await putty.apply(entry, context);
  return {
    entries,
    undo: async () => {
      for (const entry of entries.toReversed()) await putty.undo(entry, context);
    },
  };
}

async function puttyHome() {
  const home = await tempHome();
  await mkdir(join(home.path, ".putty/sessions"), { recursive: true, mode: 0o700 });
  return {
    context: clientContext(home.path),
    session: join(home.path, ".putty/sessions/pipeline-56819"),
    hostKeys: join(home.path, ".putty/sshhostkeys"),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}

describe("putty on Unix", () => {
  test("writes a private session and the host key, and takes both back", async () => {
    await using given = await puttyHome();
    await writeFile(given.hostKeys, "rsa2@22:box 0x10001,0x5");
    const added = await add(given.context);
    expect(statSync(given.session).mode & 0o777).toBe(0o600);
    expect(readFileSync(given.session, "utf8")).toContain("HostName=127.0.0.1\nPortNumber=4567\nUserName=root\n");
    expect(readFileSync(given.hostKeys, "utf8")).toMatch(
      /^rsa2@22:box 0x10001,0x5\nssh-ed25519@4567:127\.0\.0\.1 0x17ea/,
    );
    await added.undo();
    await added.undo();
    expect(readFileSync(given.hostKeys, "utf8")).toBe("rsa2@22:box 0x10001,0x5\n");
    expect(existsSync(given.session)).toBe(false);
  });

  test("takes away what a killed process had half written", async () => {
    await using given = await puttyHome();
    const added = await add(given.context);
    const half = join(dirname(given.session), `.${basename(given.session)}.0123456789ab.tmp`);
    await rename(given.session, half);
    await added.undo();
    expect(existsSync(half)).toBe(false);
  });

  test("keeps a session of the user's that has the same name, and puts it back", async () => {
    await using given = await puttyHome();
    await writeFile(given.session, MINE);
    const added = await add(given.context);
    expect(readFileSync(given.session, "utf8")).not.toContain("ProxyPassword");
    expect(JSON.stringify(added.entries)).not.toContain("secret");
    const [backup] = await readdir(given.context.keyFolder);
    expect(statSync(join(given.context.keyFolder, backup ?? "")).mode & 0o777).toBe(0o600);
    await added.undo();
    await added.undo();
    expect(readFileSync(given.session, "utf8")).toBe(MINE);
    expect(await readdir(given.context.keyFolder)).toEqual([]);
  });

  test("the last of two tunnels with one name puts the user's session back", async () => {
    await using given = await puttyHome();
    await writeFile(given.session, MINE);
    const one = await add(given.context);
    const two = await add(given.context, { owner: "t2", port: 4568 });
    await one.undo();
    expect(readFileSync(given.session, "utf8")).toContain("PortNumber=4568");
    await two.undo();
    expect(readFileSync(given.session, "utf8")).toBe(MINE);
  });

  test("leaves a session that the user made meanwhile, and removes its own saved again in PuTTY's window", async () => {
    await using given = await puttyHome();
    const one = await add(given.context);
    await writeFile(given.session, MINE);
    await one.undo();
    expect(readFileSync(given.session, "utf8")).toBe(MINE);
    await writeFile(given.session, "");
    const two = await add(given.context);
    await writeFile(
      given.session,
      readFileSync(given.session, "utf8").replace(/RuntunnelOwner.*\n/, "BellOverload=1\n"),
    );
    await two.undo();
    expect(readFileSync(given.session, "utf8")).toBe("");
  });

  test("puts back the key of whatever used the port before, and leaves a newer one", async () => {
    await using given = await puttyHome();
    await writeFile(given.hostKeys, `${NAME} 0x1,0x2\nz 1\n`);
    const one = await add(given.context);
    expect(readFileSync(given.hostKeys, "utf8")).toMatch(/^ssh-ed25519@4567:127\.0\.0\.1 0x17ea[^\n]*\nz 1\n$/);
    await one.undo();
    expect(readFileSync(given.hostKeys, "utf8")).toBe(`${NAME} 0x1,0x2\nz 1\n`);
    const two = await add(given.context);
    await writeFile(given.hostKeys, `${NAME} 0x3,0x4\n`);
    await two.undo();
    expect(readFileSync(given.hostKeys, "utf8")).toBe(`${NAME} 0x3,0x4\n`);
  });

  test("plans nothing without a key that PuTTY can read", async () => {
    await using given = await puttyHome();
    const { ppkFile: _none, ...host } = someHost(given.context.homeFolder);
    expect(await putty.plan(host, given.context)).toEqual([]);
  });

  test("is present where its folder or a program is, and follows its variables", async () => {
    await using home = await tempHome();
    const context = clientContext(home.path);
    expect(await putty.isPresent(context)).toBe(false);
    await mkdir(join(home.path, "bin"));
    await writeFile(join(home.path, "bin/plink"), "");
    const environment = { PATH: `/nowhere:${join(home.path, "bin")}`, PUTTYDIR: join(home.path, "elsewhere") };
    expect(await putty.isPresent({ ...context, environment })).toBe(true);
    await add({ ...context, environment });
    expect((await readdir(join(home.path, "elsewhere"))).toSorted()).toEqual(["sessions", "sshhostkeys"]);
    await mkdir(join(home.path, ".config/putty"), { recursive: true });
    expect(await putty.isPresent(context)).toBe(true);
  });
});
