import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { Secret } from "../../src/domain/secret.ts";
import { sshClients } from "../../src/ssh/clients/catalog.ts";
import type { JournalEntry } from "../../src/ssh/journal.ts";
import { setUpPasswordless } from "../../src/ssh/passwordless.ts";
import { undoPasswordless } from "../../src/ssh/undo-passwordless.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { tempHome } from "../support/temp-home.ts";
import { clientContext } from "./client-context.ts";
import { connectTo } from "./connect-to.ts";
import { runOk } from "./run-program.ts";
import { canRunSshd, freePort, inWorld, makeWorld, ROOT_PASSWORD } from "./sshd.ts";

setDefaultTimeout(180_000);

test.skipIf(!canRunSshd() || !requirePeer("dropbear", "dropbearkey", "ssh"))(
  "setUpPasswordless() works with a dropbear server, whose keys lie where its command line says",
  async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await makeWorld(world.path);
    const port = await freePort();
    const keys = ["ed25519", "rsa"].map((type) => join(world.path, `dropbear_${type}`));
    for (const file of keys)
      await runOk(["dropbearkey", "-t", file.split("_").at(-1) ?? "", "-f", file], { home: world.path });
    const log = join(world.path, "log");
    const command = ["dropbear", "-F", "-E", "-p", `127.0.0.1:${port}`, ...keys.flatMap((file) => ["-r", file])];
    const server = Bun.spawn([...inWorld(world.path, command)], {
      stdout: "ignore",
      stderr: Bun.file(log),
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    await using _server = {
      [Symbol.asyncDispose]: async () => {
        server.kill();
        await server.exited;
      },
    };
    const administrator = { user: "root", password: new Secret(ROOT_PASSWORD) };
    await eventually(async () => {
      if (!(await Bun.file(log).text()).includes("Not backgrounding")) throw new Error(await Bun.file(log).text());
    });
    const journal: JournalEntry[] = [];
    const signal = AbortSignal.timeout(120_000);
    const context = {
      ...clientContext(home.path),
      clients: sshClients,
      connect: connectTo(port),
      userName: "root",
      log: SILENT_LOG,
      signal,
    };
    await mkdir(join(home.path, ".putty"));
    const result = await setUpPasswordless(
      {
        alias: "session-demo",
        tag: { run: "demo", workstation: "lab", id: "t1" },
        address: "127.0.0.1",
        port,
        sshFolder: join(home.path, ".ssh"),
        accounts: ["ana"],
        access: { administrator, accounts: [], system: "linux" },
      },
      { ...context, journal: (entry) => Promise.resolve(void journal.push(entry)) },
    );
    expect(result.hostKeys.map(({ type }) => type)).toEqual(["ssh-ed25519", "ssh-rsa"]);
    const ssh = ["ssh", "-F", join(home.path, ".ssh/config"), "-o", "BatchMode=yes", "session-demo", "id", "-un"];
    expect(await runOk(ssh, { home: home.path })).toBe("ana\n");
    if (requirePeer("plink")) await runOk(["plink", "-batch", "session-demo", "true"], { home: home.path });
    const connectAgain = (again: AbortSignal) => context.connect(administrator, again);
    expect(await undoPasswordless(journal, { ...context, connectAgain })).toEqual({ failed: [] });
  },
);
