// The SSH side of a run, as the ssh2 client sees it.
import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import ssh2, {
  type Client,
  type ClientChannel,
  type ConnectConfig,
  type FileEntry,
  type SFTPWrapper,
  type Stats,
} from "ssh2";
import { makeEd25519Key } from "../../../src/sandbox/run-host/host-keys.ts";
import { eventually } from "../../support/eventually.ts";
import { countOpenFiles } from "../../support/open-sockets.ts";
import { connectEdge, connectRequest, openSandbox, type TestSandbox } from "../sandbox-fixture.ts";

/** Logs in at a run without going through EDGE. */
async function login(sandbox: TestSandbox, id: number, config: ConnectConfig): Promise<Client & Disposable> {
  const place = await sandbox.platform.hostOf(id).findPort(22);
  const client = new ssh2.Client();
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("ready", resolve).on("error", reject);
      client.connect({ sock: createConnection(place?.port ?? 0, "127.0.0.1"), ...config });
    });
  } catch (error) {
    client.destroy();
    throw error;
  }
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}

const ROOT = { username: "root", password: "password-of-1001" };

type Result = { readonly code: number | undefined; readonly signal: string | undefined; out: string; err: string };

/** Runs a command to its end, with an optional input. */
async function exec(client: Client, command: string, input = "", options = {}): Promise<Result> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec(command, options, (error, made) => (error === undefined ? resolve(made) : reject(error)));
  });
  return collect(channel, input);
}

function collect(channel: ClientChannel, input: string): Promise<Result> {
  return new Promise((resolve) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let code: number | undefined;
    let signal: string | undefined;
    channel.on("data", (data: Buffer) => out.push(data));
    channel.stderr.on("data", (data: Buffer) => err.push(data));
    channel.once("exit", (exitCode: number | null, name?: string) => {
      code = exitCode ?? undefined;
      signal = name;
    });
    channel.once("close", () => {
      resolve({ code, signal, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() });
    });
    channel.end(input);
  });
}

function openSftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => (error === undefined ? resolve(sftp) : reject(error)));
  });
}

/** Calls a callback-style method of an SFTP session. */
function call<T>(start: (done: (error: Error | null | undefined, value?: T) => void) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value)));
  });
}

test.each([
  [1001, "root", "password-of-1001"],
  [1001, "USER", "USER"],
  [1001, "FRIEND", "FRIEND"],
  [1005, "USER", "USER"],
  [1006, "root", "password-of-1001"],
  [1012, "USER", "password-of-1012"],
])("run %d lets %s in with the password %s", async (id, username, password) => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, id, { username, password });
  expect(await exec(client, "whoami; echo $HOSTNAME; hostname")).toEqual({
    code: 0,
    signal: undefined,
    out: `${username}\npipeline-${id}\npipeline-${id}\n`,
    err: "",
  });
});

test.each([
  [1001, "root", "wrong"],
  [1001, "nobody", "nobody"],
  [1001, "root", ""],
  [1006, "root", "password-of-1006"],
])("run %d refuses %s with the password %j", async (id, username, password) => {
  await using sandbox = await openSandbox();
  await expect(login(sandbox, id, { username, password })).rejects.toThrow("authentication methods failed");
});

test("a run takes the password by keyboard-interactive too", async () => {
  await using sandbox = await openSandbox();
  const place = await sandbox.platform.hostOf(1001).findPort(22);
  const client = new ssh2.Client();
  client.on("keyboard-interactive", (_name, _instructions, _language, _prompts, finish) => finish([ROOT.password]));
  await new Promise<void>((resolve, reject) => {
    client.once("ready", resolve).once("error", reject);
    client.connect({
      sock: createConnection(place?.port ?? 0, "127.0.0.1"),
      username: "root",
      authHandler: ["keyboard-interactive"],
      tryKeyboard: true,
    });
  });
  client.destroy();
});

test("a run reports exit codes, signals, both outputs, and passes input on", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  const results = await Promise.all([
    exec(client, "echo out; echo err >&2; exit 7"),
    exec(client, "kill -TERM $$"),
    exec(client, "sort", "b\na\n"),
    exec(client, "no-such-command-at-all"),
  ]);
  expect(results[0]).toEqual({ code: 7, signal: undefined, out: "out\n", err: "err\n" });
  expect(results[1]).toMatchObject({ signal: "SIGTERM" });
  expect(results[2]).toMatchObject({ code: 0, out: "a\nb\n" });
  expect(results[3]).toMatchObject({ code: 127 });
});

test("a run lets keys in that a set-up script wrote, and out again", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  for (const type of ["ed25519", "rsa", "ecdsa"] as const) {
    const keys = ssh2.utils.generateKeyPairSync(
      type as "ecdsa",
      { bits: type === "rsa" ? 2048 : 256 } as { bits: 256 },
    );
    const script = [
      "set -e",
      "home=$(getent passwd USER | cut -d: -f6)",
      "ids=$(getent passwd USER | cut -d: -f3,4)",
      'mkdir -p "$home/.ssh"; chmod 700 "$home/.ssh"',
      `echo 'restrict,pty ${keys.public} tag' >> "$home/.ssh/authorized_keys"`,
      'chmod 600 "$home/.ssh/authorized_keys"; chown -R USER:USER "$home/.ssh"; chown "$ids" "$home/.ssh"',
      "cat /etc/ssh/ssh_host_*_key.pub | cut -d' ' -f1",
    ];
    expect(await exec(client, "sh -s", script.join("\n"))).toMatchObject({
      code: 0,
      err: "",
      out: "ecdsa-sha2-nistp256\nssh-ed25519\nssh-rsa\n",
    });
    using byKey = await login(sandbox, 1001, { username: "USER", privateKey: keys.private });
    expect((await exec(byKey, "whoami")).out).toBe("USER\n");
    await exec(client, "rm /home/USER/.ssh/authorized_keys");
    await expect(login(sandbox, 1001, { username: "USER", privateKey: keys.private })).rejects.toThrow();
  }
});

test("a run does not trust keys in a file that others may write", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  const keys = makeEd25519Key(ssh2.utils, "");
  await exec(client, `mkdir -m 700 .ssh; echo '${keys.public}' > .ssh/authorized_keys; chmod 666 .ssh/authorized_keys`);
  await expect(login(sandbox, 1001, { username: "root", privateKey: keys.private })).rejects.toThrow();
});

test("chown and getent in a run know its accounts and no others", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  expect(await exec(client, "touch x; chown nobody-at-all:x x")).toMatchObject({ code: 1 });
  expect(await exec(client, "chown USER:USER no-such-file")).toMatchObject({ code: 1 });
  expect(await exec(client, "getent passwd nobody-at-all")).toMatchObject({ code: 2, out: "" });
  expect((await exec(client, "getent passwd")).out.split("\n").map((line) => line.split(":")[0])).toEqual([
    "root",
    "USER",
    "FRIEND",
    "",
  ]);
});

test("a run gives a real terminal that follows the window", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  const shell = await new Promise<ClientChannel>((resolve, reject) => {
    client.shell({ term: "xterm", cols: 101, rows: 31 }, (error, made) => (error ? reject(error) : resolve(made)));
  });
  let text = "";
  shell.on("data", (data: Buffer) => {
    text += data.toString();
  });
  const see = (wanted: RegExp): Promise<void> => eventually(() => expect(text).toMatch(wanted));
  shell.write("stty size; tty; echo $TERM\n");
  await see(/31 101\r\n\/dev\/\S+\r\nxterm/);
  shell.setWindow(40, 120, 0, 0);
  shell.write("stty size\n");
  await see(/40 120\r\n/);
  // Job control: an interrupt ends the command and not the shell.
  shell.write("echo be''gin; sleep 100\n");
  await see(/begin\r\n/);
  shell.write("\x03echo af''ter\n");
  await see(/after\r\n/);
  shell.write("exit 9\n");
  const [code] = await new Promise<number[]>((resolve) => shell.once("exit", (...values: number[]) => resolve(values)));
  expect(code).toBe(9);
});

test("a run ends a command whose client went away, and all of them when it is closed", async () => {
  const sandbox = await openSandbox();
  const client = await login(sandbox, 1001, ROOT);
  const start = (command: string): Promise<number> =>
    new Promise((resolve, reject) => {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return reject(error);
        channel.once("data", (data: Buffer) => resolve(Number(data.toString())));
      });
    });
  const first = await start("echo $$; exec sleep 1000");
  const detached = Number((await exec(client, "nohup sleep 1000 >/dev/null 2>&1 & echo $!")).out);
  expect(isAlive(first) && isAlive(detached)).toBe(true);
  client.destroy();
  await eventually(() => expect(isAlive(first)).toBe(false));
  expect(isAlive(detached)).toBe(true);
  await sandbox[Symbol.asyncDispose]();
  await eventually(() => expect(isAlive(detached)).toBe(false));
});

test("a run stops with its connections and comes back with the host keys it had, or with new ones", async () => {
  await using sandbox = await openSandbox();
  const hostKey = async (): Promise<string> => {
    let seen = "";
    const hostVerifier = (key: Buffer): boolean => {
      seen = key.toString("base64");
      return true;
    };
    using _client = await login(sandbox, 1001, { ...ROOT, hostVerifier });
    return seen;
  };
  const before = await hostKey();
  const client = await login(sandbox, 1001, ROOT);
  const closed = new Promise<void>((resolve) => client.once("close", resolve));
  await sandbox.setRunState(1001, "PAUSED");
  await closed;
  await sandbox.control(["resume", "1001"]);
  expect(await hostKey()).toBe(before);
  await sandbox.control(["restart", "1001"]);
  expect(await hostKey()).not.toBe(before);
});

test("a run forwards connections to its own ports only", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  const forward = (host: string, port: number): Promise<ClientChannel | undefined> =>
    call<ClientChannel>((done) => client.forwardOut("127.0.0.1", 1, host, port, done));
  const echo = await forward("localhost", 7);
  const text = new Promise((resolve) => echo?.once("data", (data: Buffer) => resolve(data.toString())));
  echo?.write("through");
  expect(await text).toBe("through");
  await expect(forward("localhost", 5900)).rejects.toThrow();
  await expect(forward("192.0.2.1", 22)).rejects.toThrow();
});

test("a run answers on its echo and web ports and on those opened by command", async () => {
  await using sandbox = await openSandbox();
  using web = connectEdge(sandbox);
  web.write(`${connectRequest("10.244.1.2:8080", sandbox.token)}GET / HTTP/1.0\r\n\r\n`);
  expect(await web.receiveAll()).toContain("<h1>pipeline-1001</h1>");
  const dial9000 = (): ReturnType<typeof connectEdge> =>
    connectEdge(sandbox).write(connectRequest("10.244.1.2:9000", sandbox.token));
  using early = dial9000();
  expect(await early.receiveAll()).toStartWith("HTTP/1.1 502 ");
  await sandbox.control(["open", "1001", "9000"]);
  using open = dial9000().write("now");
  await open.receive((text) => text.endsWith("\r\n\r\nnow"));
  await sandbox.control(["close", "1001", "9000"]);
  await open.receiveAll();
  using late = dial9000();
  expect(await late.receiveAll()).toStartWith("HTTP/1.1 502 ");
});

test("SFTP does everything a file manager asks for", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  const sftp = await openSftp(client);
  const folder = "/common/workdir/a";
  expect(await call<string>((done) => sftp.realpath(".", done))).toBe("/root");
  await call((done) => sftp.mkdir(folder, { mode: 0o750 }, done));
  await call((done) => sftp.writeFile(`${folder}/one`, "first", done));
  await call((done) => sftp.appendFile(`${folder}/one`, " second", done));
  expect(String(await call((done) => sftp.readFile(`${folder}/one`, done)))).toBe("first second");
  await call((done) => sftp.chmod(`${folder}/one`, 0o640, done));
  await call((done) => sftp.utimes(`${folder}/one`, 1_000_000, 2_000_000, done));
  await call((done) => sftp.chown(`${folder}/one`, 0, 0, done));
  expect(await call((done) => sftp.stat(`${folder}/one`, done))).toMatchObject({
    size: 12,
    mode: 0o100640,
    atime: 1_000_000,
    mtime: 2_000_000,
  });
  await call((done) => sftp.symlink("one", `${folder}/link`, done));
  await call((done) => sftp.symlink(`${folder}/one`, `${folder}/absolute`, done));
  expect(await call<string>((done) => sftp.readlink(`${folder}/link`, done))).toBe("one");
  expect(await call<string>((done) => sftp.readlink(`${folder}/absolute`, done))).toBe(`${folder}/one`);
  expect(await call<string>((done) => sftp.realpath(`${folder}/absolute`, done))).toBe(`${folder}/one`);
  expect((await call<Stats>((done) => sftp.lstat(`${folder}/link`, done)))?.isSymbolicLink()).toBe(true);
  expect(String(await call((done) => sftp.readFile(`${folder}/absolute`, done)))).toBe("first second");
  await call((done) => sftp.writeFile(`${folder}/two`, "2", done));
  await expect(call((done) => sftp.rename(`${folder}/two`, `${folder}/one`, done))).rejects.toThrow("File exists");
  await call((done) => sftp.ext_openssh_rename(`${folder}/two`, `${folder}/one`, done));
  await call((done) => sftp.ext_openssh_hardlink(`${folder}/one`, `${folder}/hard`, done));
  const list = await call<FileEntry[]>((done) => sftp.readdir(folder, done));
  expect(list?.map((entry) => entry.filename).sort()).toEqual(["absolute", "hard", "link", "one"]);
  expect(list?.find((entry) => entry.filename === "one")?.longname).toMatch(/^-rw-r--r-- +2 \d+ +\d+ +1 .* one$/);
  for (const name of ["one", "link", "absolute", "hard"]) await call((done) => sftp.unlink(`${folder}/${name}`, done));
  await call((done) => sftp.rmdir(folder, done));
  await expect(call((done) => sftp.stat(folder, done))).rejects.toThrow("No such file");
  await expect(call((done) => sftp.opendir("/nowhere", done))).rejects.toThrow("No such file");
});

test("SFTP lists big folders whole and reads and writes at any place of a file", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  await exec(client, "mkdir many; cd many; i=0; while [ $i -lt 350 ]; do : > file$i; i=$((i+1)); done");
  const sftp = await openSftp(client);
  expect((await call<FileEntry[]>((done) => sftp.readdir("many", done)))?.length).toBe(350);
  const handle = (await call<Buffer>((done) => sftp.open("sparse", "w+", done))) ?? Buffer.alloc(0);
  const offset = 6_000_000_000;
  await call((done) => sftp.write(handle, Buffer.from("end"), 0, 3, offset, done));
  expect(await call((done) => sftp.fstat(handle, done))).toMatchObject({ size: offset + 3 });
  await call((done) => sftp.fsetstat(handle, { size: 10 }, done));
  expect(await call((done) => sftp.fstat(handle, done))).toMatchObject({ size: 10 });
  const bytes = Buffer.alloc(100);
  expect(await call<number>((done) => sftp.read(handle, bytes, 0, 100, 4, done))).toBe(6);
  await call((done) => sftp.close(handle, done));
  await expect(call((done) => sftp.fstat(handle, done))).rejects.toThrow("Invalid handle");
});

test("SFTP carries many files side by side unchanged", async () => {
  await using sandbox = await openSandbox();
  using client = await login(sandbox, 1001, ROOT);
  const sessions = await Promise.all(Array.from({ length: 8 }, () => openSftp(client)));
  await Promise.all(
    sessions.map(async (sftp, index) => {
      const content = randomBytes(1_000_000 + index);
      await call((done) => sftp.writeFile(`/common/workdir/${index}`, content, done));
      const back = Buffer.from((await call<Buffer>((done) => sftp.readFile(`/common/workdir/${index}`, done))) ?? "");
      expect(createHash("sha256").update(back).digest("hex")).toBe(createHash("sha256").update(content).digest("hex"));
    }),
  );
});

test.skipIf(process.platform !== "linux")("a sandbox leaves no descriptor and no child behind", async () => {
  const use = async (): Promise<void> => {
    await using sandbox = await openSandbox();
    const client = await login(sandbox, 1001, ROOT);
    const sftp = await openSftp(client);
    await call((done) => sftp.open("/common/workdir/left-open", "w", done));
    client.exec("sleep 1000", { pty: true }, () => {});
    await exec(client, "sleep 1000 >/dev/null 2>&1 & echo");
    await fetch(sandbox.edgeUrl.replace("http:", "https:"), { tls: { rejectUnauthorized: false } });
    client.destroy();
  };
  // The first use opens what the runtime keeps: thread pool, entropy, libraries.
  await use();
  const before = countOpen();
  await use();
  await eventually(() => {
    const after = countOpen();
    expect(after.files).toBeLessThanOrEqual(before.files);
    expect(after.children).toBe(before.children);
  });
});

function countOpen(): { readonly files: number; readonly children: number } {
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return { files: countOpenFiles(), children: children.length };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that ended and was not collected yet still has its number.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
