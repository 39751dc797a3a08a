import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, lstatSync, readFileSync, statSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SILENT_LOG } from "../../src/domain/log.ts";
import type { SshLogin } from "../../src/domain/route.ts";
import { Secret } from "../../src/domain/secret.ts";
import { sshClients } from "../../src/ssh/clients/catalog.ts";
import {
  formatPrivateKey,
  generateKeyPair,
  parsePrivateKey,
  publicKeyLine,
} from "../../src/ssh/formats/private-key.ts";
import type { JournalEntry } from "../../src/ssh/journal.ts";
import { type PasswordlessContext, type PasswordlessOptions, setUpPasswordless } from "../../src/ssh/passwordless.ts";
import { undoPasswordless } from "../../src/ssh/undo-passwordless.ts";
import { requirePeer } from "../support/peers.ts";
import { type TempHome, tempHome } from "../support/temp-home.ts";
import { clientContext } from "./client-context.ts";
import { connectTo } from "./connect-to.ts";
import { runOk, runProgram } from "./run-program.ts";
import { canRunSshd, inWorld, ROOT_PASSWORD, type Sshd, startSshd } from "./sshd.ts";

setDefaultTimeout(180_000);

const canRun = canRunSshd() && requirePeer("ssh", "scp", "sftp");
const hasPutty = requirePeer("plink", "pscp", "psftp");

const ROOT: SshLogin = { user: "root", password: new Secret(ROOT_PASSWORD) };

type Stage = {
  readonly home: TempHome;
  readonly options: PasswordlessOptions;
  readonly context: PasswordlessContext;
  readonly journal: JournalEntry[];
};

async function stage(home: TempHome, sshd: Sshd, change: Partial<PasswordlessOptions> = {}): Promise<Stage> {
  const journal: JournalEntry[] = [];
  // A folder of PuTTY's makes it present whatever PATH says.
  await mkdir(join(home.path, ".putty"), { mode: 0o700, recursive: true });
  await mkdir(join(home.path, ".ssh"), { mode: 0o700, recursive: true });
  const context: PasswordlessContext = {
    ...clientContext(home.path),
    clients: sshClients,
    connect: connectTo(sshd.port),
    userName: "root",
    journal: (entry) => {
      // Through JSON, as a record on disk would have it.
      journal.push(JSON.parse(JSON.stringify(entry)));
      return Promise.resolve();
    },
    log: SILENT_LOG,
    signal: AbortSignal.timeout(120_000),
  };
  const options: PasswordlessOptions = {
    alias: "pipeline-56819",
    tag: { run: "56819", workstation: "lab", id: "t1" },
    address: "127.0.0.1",
    port: sshd.port,
    sshFolder: join(home.path, ".ssh"),
    accounts: [],
    access: { administrator: ROOT, accounts: ["root"], system: "linux" },
    ...change,
  };
  return { home, options, context, journal };
}

async function undo({ context, journal }: Stage) {
  return await undoPasswordless(journal, {
    ...context,
    connectAgain: (signal) => context.connect(ROOT, signal),
  });
}

function ssh(home: TempHome, ...words: string[]) {
  return ["ssh", "-F", join(home.path, ".ssh/config"), "-o", "BatchMode=yes", ...words];
}

function tree(folder: string): string {
  return new TextDecoder().decode(
    Bun.spawnSync([
      "sh",
      "-c",
      "cd \"$1\" && find . -printf '%p %m %l\\n' | sort && find . -type f -exec sha256sum {} + | sort",
      "sh",
      folder,
    ]).stdout,
  );
}

describe.skipIf(!canRun)("setUpPasswordless()", () => {
  test("lets OpenSSH in without a question, a warning or a trace left afterwards", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    await mkdir(join(home.path, ".ssh"), { mode: 0o700 });
    await writeFile(join(home.path, ".ssh/config"), "Host other\r\n    Port 9", { mode: 0o600 });
    const begun = await stage(home, sshd);
    const before = tree(home.path);

    const result = await setUpPasswordless(begun.options, begun.context);
    expect(result.clients).toContain("OpenSSH");
    expect(result.notes).toEqual([]);
    expect(result.hostKeys.map(({ type }) => type).toSorted()).toEqual([
      "ecdsa-sha2-nistp256",
      "ssh-ed25519",
      "ssh-rsa",
    ]);
    for (const algorithm of ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"]) {
      const words = ["-o", `HostKeyAlgorithms=${algorithm}`, "pipeline-56819", "echo", "$HOME"];
      expect(await runProgram(ssh(home, ...words), { home: home.path })).toEqual({
        code: 0,
        stdout: `${sshd.home("root")}\n`,
        stderr: "",
      });
    }
    await writeFile(join(home.path, "up.txt"), "Content\n");
    const config = ["-F", join(home.path, ".ssh/config"), "-o", "BatchMode=yes"];
    await runOk(["scp", ...config, join(home.path, "up.txt"), "pipeline-56819:up.txt"], { home: home.path });
    await runOk(["sftp", "-q", "-b", "-", ...config, "pipeline-56819"], {
      home: home.path,
      input: `get up.txt ${home.path}/down.txt\n`,
    });
    expect(readFileSync(join(home.path, "down.txt"), "utf8")).toBe("Content\n");
    await runOk(["rm", join(home.path, "up.txt"), join(home.path, "down.txt")], { home: home.path });

    expect(JSON.stringify(begun.journal)).not.toContain("PRIVATE");
    expect((await undo(begun)).failed).toEqual([]);
    expect((await undo(begun)).failed).toEqual([]);
    expect(tree(home.path).replace(/^\.\/state.*\n/gm, "")).toBe(before);
    expect(readFileSync(join(sshd.home("root"), ".ssh/authorized_keys"), "utf8")).toBe("");
  });

  test("works with plain ssh and a hostile Host * in the user's own configuration", async () => {
    await using world = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    const path = sshd.home("root");
    const home: TempHome = { path, [Symbol.asyncDispose]: () => Promise.resolve() };
    await mkdir(join(path, ".ssh"), { mode: 0o700 });
    const hostile = readFileSync(join(import.meta.dir, "../fixtures/ssh/config/34-host-star.in"));
    await writeFile(join(path, ".ssh/config"), hostile, { mode: 0o600 });
    const begun = await stage(home, sshd);
    await setUpPasswordless(begun.options, begun.context);
    const words = inWorld(world.path, ["ssh", "-o", "BatchMode=yes", "pipeline-56819", "echo", "in"]);
    expect(await runProgram(words, { home: path })).toEqual({ code: 0, stdout: "in\n", stderr: "" });
    expect((await undo(begun)).failed).toEqual([]);
    expect(readFileSync(join(path, ".ssh/config"))).toEqual(hostile);
  });

  test("refuses a server that shows another host key later", async () => {
    await using world = await tempHome();
    await using other = await tempHome();
    await using home = await tempHome();
    const sshd = await startSshd({ folder: world.path });
    const begun = await stage(home, sshd);
    await setUpPasswordless(begun.options, begun.context);
    await sshd[Symbol.asyncDispose]();
    await using _impostor = await startSshd({ folder: other.path, port: sshd.port });
    const result = await runProgram(ssh(home, "pipeline-56819", "true"), { home: home.path });
    expect(result.code).toBe(255);
    expect(result.stderr).toContain("REMOTE HOST IDENTIFICATION HAS CHANGED");
    if (!hasPutty) return;
    const plink = await runProgram(["plink", "-batch", "pipeline-56819", "true"], { home: home.path });
    expect(plink.code).not.toBe(0);
    expect(plink.stderr).toContain("POTENTIAL SECURITY BREACH");
  });

  test.skipIf(!hasPutty).each(["ed25519", "rsa", "ecdsa"] as const)(
    "lets plink, pscp and psftp in where the server has an %s key alone",
    async (type) => {
      await using world = await tempHome();
      await using home = await tempHome();
      await using sshd = await startSshd({ folder: world.path, keyTypes: [type] });
      const begun = await stage(home, sshd);
      const before = tree(join(home.path, ".putty"));
      const result = await setUpPasswordless(begun.options, begun.context);
      expect(result.clients).toEqual(["OpenSSH", "PuTTY"]);
      const run = { home: home.path };
      expect(await runProgram(["plink", "-batch", "pipeline-56819", "echo", "in"], run)).toEqual({
        code: 0,
        stdout: "in\n",
        stderr: "",
      });
      await writeFile(join(home.path, "up.txt"), "Content\n");
      await runOk(["pscp", "-batch", join(home.path, "up.txt"), "pipeline-56819:up.txt"], run);
      await runOk(["psftp", "-batch", "-b", "/dev/stdin", "pipeline-56819"], {
        ...run,
        input: `get up.txt ${home.path}/down.txt\n`,
      });
      expect(readFileSync(join(home.path, "down.txt"), "utf8")).toBe("Content\n");
      expect((await undo(begun)).failed).toEqual([]);
      await runOk(["rm", "-f", join(home.path, ".putty/randomseed")], run);
      expect(tree(join(home.path, ".putty"))).toBe(before);
    },
  );

  test("authorises several accounts, each with its own owner, and the first is the alias's", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    const begun = await stage(home, sshd, { accounts: ["ana", "ben"] });
    const result = await setUpPasswordless(begun.options, begun.context);
    expect(result.users).toEqual(["ana", "ben"]);
    expect(await runOk(ssh(home, "pipeline-56819", "id", "-un"), { home: home.path })).toBe("ana\n");
    expect(await runOk(ssh(home, "ben@pipeline-56819", "id", "-un"), { home: home.path })).toBe("ben\n");
    const file = statSync(join(sshd.home("ana"), ".ssh/authorized_keys"));
    expect([file.uid, file.gid, file.mode & 0o777]).toEqual([4101, 4200, 0o600]);
    expect(statSync(join(sshd.home("ana"), ".ssh")).mode & 0o777).toBe(0o700);
    expect((await undo(begun)).failed).toEqual([]);
    expect(readFileSync(join(sshd.home("ben"), ".ssh/authorized_keys"), "utf8")).toBe("");
  });

  test("names an account that does not exist, and leaves nothing after the undo", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    const begun = await stage(home, sshd, { accounts: ["ana", "zoe"] });
    const failure = setUpPasswordless(begun.options, begun.context);
    await expect(failure).rejects.toThrow('Cannot let our key into account "zoe": there is no such account');
    expect((await undo(begun)).failed).toEqual([]);
    expect(readFileSync(join(sshd.home("ana"), ".ssh/authorized_keys"), "utf8")).toBe("");
    expect(existsSync(join(home.path, ".ssh/config"))).toBe(false);
  });

  test("a link laid by an account leads nobody anywhere", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    await mkdir(join(sshd.home("root"), "precious"), { mode: 0o700 });
    await symlink(join(sshd.home("root"), "precious"), join(sshd.home("ana"), ".ssh"));
    const begun = await stage(home, sshd, { accounts: ["ana"] });
    await expect(setUpPasswordless(begun.options, begun.context)).rejects.toThrow('into account "ana"');
    expect(existsSync(join(sshd.home("root"), "precious/authorized_keys"))).toBe(false);
    expect(lstatSync(join(sshd.home("ana"), ".ssh")).isSymbolicLink()).toBe(true);
  });

  test("falls back to RSA where the server takes no ed25519 key", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    const config = ["PubkeyAcceptedAlgorithms rsa-sha2-256,rsa-sha2-512"];
    await using sshd = await startSshd({ folder: world.path, config });
    const begun = await stage(home, sshd);
    const result = await setUpPasswordless(begun.options, begun.context);
    expect(readFileSync(`${result.identityFile}.pub`, "utf8")).toStartWith("ssh-rsa ");
    expect(await runOk(ssh(home, "pipeline-56819", "echo", "in"), { home: home.path })).toBe("in\n");
    if (hasPutty) await runOk(["plink", "-batch", "pipeline-56819", "true"], { home: home.path });
    expect((await undo(begun)).failed).toEqual([]);
    expect(readFileSync(join(sshd.home("root"), ".ssh/authorized_keys"), "utf8")).toBe("");
  });

  test("says that the run refuses the key where it reads other files", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path, config: ["Match User root", "AuthorizedKeysFile none"] });
    const begun = await stage(home, sshd);
    await expect(setUpPasswordless(begun.options, begun.context)).rejects.toThrow(
      'The run refuses our key for account "root"',
    );
  });

  test("refuses a server whose key the run does not list", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path, keyTypes: ["ed25519", "rsa"] });
    // The files beside the keys now tell of other keys than those that the server has loaded.
    for (const type of ["ed25519", "rsa"]) {
      const key = await generateKeyPair("ed25519");
      await writeFile(join(world.path, `host_${type}.pub`), `${publicKeyLine(key)}\n`);
    }
    const begun = await stage(home, sshd);
    await expect(setUpPasswordless(begun.options, begun.context)).rejects.toThrow("does not list as its own");
  });

  test("uses a ready login as it is and changes nothing on the run", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    const key = await generateKeyPair("rsa", "container");
    await mkdir(join(sshd.home("root"), ".ssh"), { mode: 0o700 });
    await writeFile(join(sshd.home("root"), ".ssh/authorized_keys"), publicKeyLine(key));
    const ready: SshLogin = { user: "root", privateKey: new Secret(formatPrivateKey(key, "pem")) };
    const begun = await stage(home, sshd, { access: { ready, accounts: ["root"], system: "linux" } });
    const result = await setUpPasswordless(begun.options, begun.context);
    expect(result.hostKeys.length).toBe(3);
    expect(await runOk(ssh(home, "pipeline-56819", "echo", "in"), { home: home.path })).toBe("in\n");
    if (hasPutty) await runOk(["plink", "-batch", "pipeline-56819", "true"], { home: home.path });
    expect((await undo(begun)).failed).toEqual([]);
    expect(readFileSync(join(sshd.home("root"), ".ssh/authorized_keys"), "utf8")).toBe(publicKeyLine(key));
    expect(existsSync(result.identityFile)).toBe(false);
  });

  test.each(["openssh", "pem", "ppk"] as const)("uses a key of the user's own in a %s file", async (format) => {
    await using world = await tempHome();
    await using home = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    const key = await generateKeyPair("ed25519", "mine");
    const identity = join(home.path, "my key");
    await writeFile(identity, formatPrivateKey(key, format), { mode: 0o600 });
    const begun = await stage(home, sshd, { identity });
    const result = await setUpPasswordless(begun.options, begun.context);
    expect(result.identityFile === identity).toBe(format === "openssh");
    expect(await runOk(ssh(home, "pipeline-56819", "echo", "in"), { home: home.path })).toBe("in\n");
    if (hasPutty) await runOk(["plink", "-batch", "pipeline-56819", "true"], { home: home.path });
    expect((await undo(begun)).failed).toEqual([]);
    expect(parsePrivateKey(readFileSync(identity, "utf8")).material).toEqual(key.material);
    expect(result.identityFile === identity || !existsSync(result.identityFile)).toBe(true);
  });

  test("a run that is gone leaves the workstation clean and names what stayed on the run", async () => {
    await using world = await tempHome();
    await using home = await tempHome();
    const sshd = await startSshd({ folder: world.path });
    const begun = await stage(home, sshd);
    const before = tree(home.path);
    await setUpPasswordless(begun.options, begun.context);
    await sshd[Symbol.asyncDispose]();
    const { failed } = await undo(begun);
    expect(failed.map(({ entry }) => entry.kind)).toEqual(["remote-authorized-key"]);
    expect(tree(home.path).replace(/^\.\/state.*\n/gm, "")).toBe(before);
  });

  test("stops at any step, and the journal so far is enough to undo it", async () => {
    await using world = await tempHome();
    await using sshd = await startSshd({ folder: world.path });
    for (let steps = 1; ; steps += 1) {
      await using home = await tempHome();
      const begun = await stage(home, sshd);
      const before = tree(home.path);
      const journal = async (entry: JournalEntry) => {
        await begun.context.journal(entry);
        if (begun.journal.length >= steps) throw new Error("power cut");
      };
      const end = await setUpPasswordless(begun.options, { ...begun.context, journal }).catch(
        (error: Error) => error.message,
      );
      expect((await undo(begun)).failed).toEqual([]);
      expect(tree(home.path).replace(/^\.\/state.*\n/gm, "")).toBe(before);
      if (end !== "power cut") break;
    }
    expect(readFileSync(join(sshd.home("root"), ".ssh/authorized_keys"), "utf8")).toBe("");
  });
});
