// Backend.AI with the compiled executable: sessions, apps, keys, logins, and the manual's own command lines.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox } from "../sandbox/sandbox-fixture.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { canRunPlainSsh, runPlain } from "./support/plain-ssh.ts";
import { Scratch } from "./support/scratch.ts";
import { runClient } from "./support/ssh-clients.ts";

setDefaultTimeout(120_000);

describe.skipIf(!canRunPlainSsh())("a Backend.AI session", () => {
  test("is reached by its alias and by the manual's own command lines", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const { port } = await user.startTunnel(["demo", "--ssh"]);
    expect(await runPlain("ssh session-demo whoami", user.home)).toEqual({ stdout: "work\n", stderr: "", exitCode: 0 });

    await user.json(["key", "demo", "-o", "id_container"]);
    expect((await stat(join(user.home, "id_container"))).mode & 0o777).toBe(0o600);
    const options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";
    const manual = await runPlain(`ssh ${options} -i ~/id_container work@localhost -p ${port} whoami`, user.home);
    expect(manual).toMatchObject({ stdout: "work\n", exitCode: 0 });
    const sftp = `echo 'put id_container copy' | sftp -b - -i ./id_container -P ${port} ${options} work@127.0.0.1`;
    expect((await runPlain(sftp, user.home)).exitCode).toBe(0);
    // Sessions have one host key, and it is RSA.
    const shown = await runPlain(`ssh-keyscan -p ${port} 127.0.0.1`, user.home);
    expect(shown.stdout.match(/ssh-[a-z0-9]+|ecdsa-\S+/g)).toEqual(["ssh-rsa"]);
  });

  test("is reached without --ssh by the command lines of `info`, as they are", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    await user.startTunnel(["demo"]);
    type Info = { readonly getKey: string; readonly commands: Readonly<Record<string, string>> };
    const { commands, getKey } = await user.json<Info>(["info", "demo"]);
    expect(getKey).toStartWith("runtunnel key ");
    await user.run(getKey.split(" ").slice(1));
    expect((await runPlain(`${commands["ssh"]} whoami`, user.home)).stdout).toBe("work\n");
    const copies = [commands["upload"]?.replace("FILE", "id_container"), commands["download"]?.replace(" .", " back")];
    for (const copy of copies) {
      expect((await runPlain(copy?.replace("PATH", "copied") ?? "false", user.home)).exitCode).toBe(0);
    }
    const texts = await Promise.all(["id_container", "back"].map((name) => readFile(join(user.home, name), "utf8")));
    expect(texts[1]).toBe(texts[0]);
  });

  test("offers its apps by name", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const { apps } = await user.json<{ apps: readonly { name: string }[] }>(["apps", "demo"]);
    expect(apps.map(({ name }) => name)).toContain("jupyter");
    const { port } = await user.startTunnel(["demo", "--app", "jupyter", "-lp", "0"]);
    expect(await (await fetch(`http://127.0.0.1:${port}/`, { proxy: "" })).text()).toContain("<h1>demo</h1>");
    const missing = await user.run(["start", "demo", "--app", "nosuch"]);
    expect(missing.exitCode).toBe(5);
    expect(missing.stderr).toContain("hint: Choose with --app:");
  });

  test("takes the preferred port, and a second session says which other one it took", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    using probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const wanted = probe.port;
    probe.stop(true);
    const first = await user.startTunnel(["demo", "--preferred-port", String(wanted)]);
    expect(first.port).toBe(wanted);
    const second = await user.startTunnel(["no-key", "--preferred-port", String(wanted)]);
    expect(second.port).not.toBe(wanted);
    expect(second.warnings.join("\n")).toContain(`using local port ${second.port} instead`);
  });

  test("tells why it has no key, that it has ended, that a name is ambiguous", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const noKey = await user.run(["start", "no-key", "--ssh"]);
    expect(noKey.exitCode).not.toBe(0);
    expect(noKey.stderr).toMatch(/id_container|--identity/);
    expect((await user.run(["start", "ended"])).stderr).toContain("has ended");
    expect((await user.run(["start", "twin"])).stderr).toContain("ambiguous");
    await user.expectNothingLeft();
  });

  test("ends its tunnel when it ends itself", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.environment);
    const { port } = await user.startTunnel(["demo", "--ssh"]);
    await sandbox.control(["session", "end", "demo"]);
    await eventually(async () => {
      // A connection makes the tunnel notice at once; it must then go, and take its SSH configuration along.
      await fetch(`http://127.0.0.1:${port}/`, { proxy: "" }).catch(() => undefined);
      const tunnels = await user.list();
      if (tunnels.length > 0) throw new Error(`Still there: ${tunnels[0]?.state}`);
    });
    await user.expectNothingLeft(/^\.local\/state\/runtunnel\/logs\/|^\.putty\/randomseed$/);
  });

  test("is reached through the web UI with a login that is kept", async () => {
    await using sandbox = await openSandbox();
    await using user = await Scratch.create(sandbox.backendAi.webEnvironment);
    expect((await user.run(["login"])).stdout).toContain("Logged in as");
    const kept = join(user.home, ".config/runtunnel/backend-ai-login.json");
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    const withoutPassword = { env: { BACKEND_USER: undefined, BACKEND_PASSWORD: undefined } };
    await user.startTunnel(["demo", "--ssh"], withoutPassword);
    expect(await runPlain("ssh session-demo whoami", user.home)).toMatchObject({ stdout: "work\n" });
    await user.run(["stop"], withoutPassword);
    expect((await user.run(["logout"], withoutPassword)).stdout).toBe("Logged out\n");
    const refused = await user.run(["start", "demo"], withoutPassword);
    expect(refused.exitCode).toBe(2);
  });
});

test.skipIf(!requirePeer("puttygen"))("key convert writes what puttygen reads", async () => {
  await using user = await Scratch.create();
  await runClient(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", join(user.home, "id_rsa")]);
  for (const version of ["2", "3"]) {
    const ppk = join(user.home, `key${version}.ppk`);
    await user.json(["key", "convert", "id_rsa", ppk, "--ppk-version", version]);
    expect(await readFile(ppk, "utf8")).toStartWith(`PuTTY-User-Key-File-${version}: ssh-rsa`);
    const listed = await runClient(["puttygen", ppk, "-O", "public-openssh"]);
    const original = await readFile(join(user.home, "id_rsa.pub"), "utf8");
    expect(listed.stdout.split(" ")[1]).toBe(original.split(" ")[1] ?? "");
  }
});
