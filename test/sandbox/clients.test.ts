// Programs written by others, against the sandbox: OpenSSH, PuTTY, socat and curl judge what it speaks.
import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requirePeer } from "../support/peers.ts";
import { openSandbox, type TestSandbox } from "./sandbox-fixture.ts";

const SIZE_BYTES = 64 * 1024 * 1024;

/** A sandbox with a key of ours at run 1001 and a configuration for OpenSSH that goes through EDGE. */
async function openForOpenSsh(): Promise<TestSandbox & { readonly work: string; readonly config: string }> {
  const sandbox = await openSandbox();
  const work = join(sandbox.folder, "work");
  await mkdir(work);
  const askpass = join(work, "askpass");
  await writeFile(askpass, "#!/bin/sh\necho password-of-1001\n");
  await chmod(askpass, 0o700);
  const config = join(work, "config");
  const edge = new URL(sandbox.edgeUrl);
  // socat writes its own CONNECT request, HTTP/1.0 as the platform's client does.
  const proxy = `socat - PROXY:127.0.0.1:%h:%p,proxyport=${edge.port},proxyauth=USER:${sandbox.token}`;
  const lines = [
    "Host pipeline-1001",
    "HostName 10.244.1.2",
    "User root",
    `IdentityFile ${join(work, "id")}`,
    "IdentitiesOnly yes",
    `UserKnownHostsFile ${join(work, "known_hosts")}`,
    "StrictHostKeyChecking accept-new",
    "LogLevel ERROR",
    `ProxyCommand ${proxy}`,
  ];
  await writeFile(config, `${lines.join("\n")}\n`);
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(work, "id")], work);
  const publicKey = await readFile(join(work, "id.pub"), "utf8");
  const install = "mkdir -m 700 .ssh && cat > .ssh/authorized_keys && chmod 600 .ssh/authorized_keys";
  const environment = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: "force" };
  const installed = await run(["ssh", "-F", config, "pipeline-1001", install], work, publicKey, environment);
  expect(installed).toEqual({ code: 0, out: "", err: "" });
  return { ...sandbox, work, config };
}

type Finished = { readonly code: number; readonly out: string; readonly err: string };

async function run(command: string[], folder: string, input = "", environment = {}): Promise<Finished> {
  const child = Bun.spawn(command, {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, err] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, out, err };
}

const hasOpenSsh = requirePeer("ssh", "scp", "sftp", "ssh-keygen", "socat");

test.skipIf(!hasOpenSsh)("OpenSSH runs commands through EDGE: output, exit code, terminal", async () => {
  await using sandbox = await openForOpenSsh();
  const ssh = (...words: string[]): Promise<Finished> =>
    run(["ssh", "-F", sandbox.config, "-o", "BatchMode=yes", ...words], sandbox.work);
  expect(await ssh("pipeline-1001", "echo $HOSTNAME; echo err >&2; exit 5")).toEqual({
    code: 5,
    out: "pipeline-1001\n",
    err: "err\n",
  });
  expect((await ssh("-tt", "pipeline-1001", "test -t 0 && test -t 2 && echo terminal")).out).toBe("terminal\r\n");
  const many = await Promise.all(Array.from({ length: 10 }, (_, index) => ssh("pipeline-1001", `echo ${index}`)));
  expect(many.map((result) => result.out)).toEqual(Array.from({ length: 10 }, (_, index) => `${index}\n`));
});

test.skipIf(!hasOpenSsh)("OpenSSH sees the host keys that the run's files tell, of every type", async () => {
  await using sandbox = await openForOpenSsh();
  for (const type of ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"]) {
    const knownHosts = join(sandbox.work, `known-${type}`);
    const options = ["-o", `HostKeyAlgorithms=${type}`, "-o", `UserKnownHostsFile=${knownHosts}`];
    const command = ["ssh", "-F", sandbox.config, "-o", "BatchMode=yes", ...options, "pipeline-1001"];
    const { out } = await run([...command, "cat /etc/ssh/ssh_host_*_key.pub"], sandbox.work);
    const [, , base64 = "missing"] = (await readFile(knownHosts, "utf8")).trim().split(" ");
    expect(out).toContain(base64);
  }
});

test.skipIf(!hasOpenSsh)("scp copies both ways to the paths of the manuals, by either of its protocols", async () => {
  await using sandbox = await openForOpenSsh();
  await writeFile(join(sandbox.work, "file-scp.txt"), "Content\n");
  for (const protocol of ["-s", "-O"]) {
    const scp = (...words: string[]): Promise<Finished> =>
      run(["scp", protocol, "-q", "-F", sandbox.config, "-o", "BatchMode=yes", ...words], sandbox.work);
    const remote = `pipeline-1001:/common/workdir/file${protocol}.txt`;
    expect(await scp("file-scp.txt", remote)).toEqual({ code: 0, out: "", err: "" });
    expect(await scp(remote, `copy${protocol}.txt`)).toEqual({ code: 0, out: "", err: "" });
    expect(await readFile(join(sandbox.work, `copy${protocol}.txt`), "utf8")).toBe("Content\n");
  }
});

test.skipIf(!hasOpenSsh)("sftp carries 64 MiB both ways unchanged", async () => {
  await using sandbox = await openForOpenSsh();
  const content = randomBytes(SIZE_BYTES);
  await writeFile(join(sandbox.work, "big"), content);
  const batch = "put big /common/workdir/big\nget /common/workdir/big back\nls -l /common/workdir\ndf /\n";
  const command = ["sftp", "-q", "-F", sandbox.config, "-b", "-", "pipeline-1001"];
  const result = await run(command, sandbox.work, batch);
  expect(result).toMatchObject({ code: 0, err: "" });
  expect(result.out).toMatch(new RegExp(`^-rw\\S+ +1 .* ${SIZE_BYTES} .* big$`, "m"));
  expect(sha256(await readFile(join(sandbox.work, "back")))).toBe(sha256(content));
});

test.skipIf(!requirePeer("plink", "pscp", "psftp", "socat"))("PuTTY's programs work through EDGE", async () => {
  await using sandbox = await openSandbox();
  const work = join(sandbox.folder, "work");
  await mkdir(work);
  const edge = new URL(sandbox.edgeUrl);
  const proxy = `socat - PROXY:127.0.0.1:%host:%port,proxyport=${edge.port},proxyauth=USER:${sandbox.token}`;
  const hostKeys = await readHostKeys(sandbox);
  const options = ["-batch", "-P", "22", "-l", "root", "-pw", "password-of-1001", "-proxycmd", proxy];
  const pinned = hostKeys.flatMap((key) => ["-hostkey", key]);
  const putty = (program: string, words: string[], input = ""): Promise<Finished> =>
    run([program, ...options, ...pinned, ...words], work, input, { HOME: work });
  expect(await putty("plink", ["10.244.1.2", "echo $HOSTNAME; exit 4"])).toMatchObject({
    code: 4,
    out: "pipeline-1001\n",
  });
  await writeFile(join(work, "file-pscp.txt"), "Content\n");
  for (const protocol of ["-sftp", "-scp"]) {
    const remote = "10.244.1.2:/common/workdir/file-pscp.txt";
    expect((await putty("pscp", [protocol, "-q", "file-pscp.txt", remote])).code).toBe(0);
    expect((await putty("pscp", [protocol, "-q", remote, `copy${protocol}`])).code).toBe(0);
    expect(await readFile(join(work, `copy${protocol}`), "utf8")).toBe("Content\n");
  }
  const listed = await putty("psftp", ["10.244.1.2"], "cd /common/workdir\nls\nquit\n");
  expect(listed.out).toMatch(/Remote directory is now \/common\/workdir\n.*-rw\S+ .* file-pscp\.txt/s);
});

test.skipIf(!requirePeer("curl"))("curl takes EDGE for a proxy and is told why it may not pass", async () => {
  await using sandbox = await openSandbox();
  const curl = (user: string, url: string): Promise<Finished> =>
    run(["curl", "-s", "-S", "--proxytunnel", "-x", sandbox.edgeUrl, "-U", user, url], sandbox.folder);
  const page = "http://10.244.1.2:8080/";
  expect((await curl(`USER:${sandbox.token}`, page)).out).toContain("<h1>pipeline-1001</h1>");
  expect((await curl("USER:bad", page)).err).toContain("401");
  expect((await curl(`USER:${sandbox.token}`, "http://10.244.1.2:5900/")).err).toContain("502");
});

/** The run's host keys, as its own files tell them. */
async function readHostKeys(sandbox: TestSandbox): Promise<string[]> {
  await sandbox.platform.hostOf(1001).findPort(22);
  const folder = join(sandbox.folder, "runs/pipeline-1001/etc/ssh");
  const files = ["ed25519", "ecdsa", "rsa"].map((type) => readFile(join(folder, `ssh_host_${type}_key.pub`), "utf8"));
  const lines = await Promise.all(files);
  return lines.map((line) => {
    const digest = createHash("sha256").update(Buffer.from(line.split(" ")[1] ?? "", "base64"));
    return `SHA256:${digest.digest("base64").replace(/=+$/, "")}`;
  });
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
