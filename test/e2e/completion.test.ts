// Completion in real shells: a person types half a word, presses Tab, and sees the rest.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openSandbox, type TestSandbox } from "../sandbox/sandbox-fixture.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand } from "../support/run-cli.ts";
import { Terminal } from "../support/terminal.ts";
import { Scratch } from "./support/scratch.ts";

setDefaultTimeout(60_000);

/** How a shell is started without the user's own settings, and told of the script. */
const SHELLS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["bash", ["bash", "--noprofile", "--norc", "-i"], ["PS1='$ '", 'eval "$(runtunnel completion bash)"']],
  [
    "zsh",
    ["zsh", "-f", "-i"],
    ["PS1='$ '; autoload -Uz compinit; compinit -D -u", 'eval "$(runtunnel completion zsh)"'],
  ],
  [
    "fish",
    ["fish", "--no-config", "-i"],
    [
      "set -g fish_greeting; set -g fish_autosuggestion_enabled 0; function fish_prompt; echo '$ '; end",
      "runtunnel completion fish | source",
    ],
  ],
];

describe.skipIf(process.platform !== "linux" || !requirePeer("tmux", "bash", "zsh", "fish"))("completion", () => {
  let sandbox: TestSandbox;
  let user: Scratch;
  let port: number;

  beforeAll(async () => {
    sandbox = await openSandbox();
    user = await Scratch.create(sandbox.environment);
    port = (await user.startTunnel(["1001", "-lp", "0", "-rp", "22"])).port;
    await user.run(["runs"]);
    const bin = join(user.home, "bin");
    await mkdir(bin);
    const command = cliCommand().map((word) => `'${word}'`);
    await writeFile(join(bin, "runtunnel"), `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`);
    await chmod(join(bin, "runtunnel"), 0o755);
    await writeFile(join(user.home, "my-own-key.pem"), "");
    await mkdir(join(user.home, ".config", "runtunnel"), { recursive: true });
    await writeFile(join(user.home, ".config", "runtunnel", "config.toml"), '[profiles.laboratory]\nretries = "3"\n');
    // A session of this name needs its platform's prefix.
    const known = { reference: "bai:4711", platform: "backend-ai", state: "RUNNING" };
    const runs = [{ reference: "56819", platform: "cloud-pipeline", state: "RUNNING" }, known];
    const file = join(user.stateFolder, "known-runs.json");
    await writeFile(file, JSON.stringify({ version: 1, runs }));
  });

  afterAll(async () => {
    await user.run(["stop"]);
    await user[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  test.each(SHELLS)(
    "%s completes commands, options, runs, ports, profiles and files",
    async (_name, command, setUp) => {
      const env = { ...user.env, PATH: `${join(user.home, "bin")}:${process.env["PATH"]}` };
      await using terminal = await Terminal.run(command, { home: user.home, env });
      await terminal.see(/[$#%>] *$/m);
      for (const line of setUp) {
        await terminal.type(`${line}; echo done | tr a-z A-Z`);
        await terminal.press("Enter");
        await terminal.see(/^DONE$/m);
        await terminal.type("clear");
        await terminal.press("Enter");
        await terminal.see(/^\$\s*$/);
      }
      for (const [typed, completed] of [
        ["runtunnel compl", "runtunnel completion"],
        ["runtunnel tunnel compl", "runtunnel tunnel completion"],
        ["runtunnel start 568", "runtunnel start 56819"],
        ["~/bin/runtunnel start 568", "~/bin/runtunnel start 56819"],
        ["runtunnel start bai:4", "runtunnel start bai:4711"],
        ["runtunnel start 1 --ignore-o", "runtunnel start 1 --ignore-owner"],
        ["runtunnel stop -lp ", `runtunnel stop -lp ${port}`],
        ["runtunnel stop ", "runtunnel stop 1001"],
        ["runtunnel runs --profile lab", "runtunnel runs --profile laboratory"],
        ["runtunnel runs --profile=lab", "runtunnel runs --profile=laboratory"],
        ["runtunnel service uninst", "runtunnel service uninstall"],
        ["runtunnel key convert my-o", "runtunnel key convert my-own-key.pem"],
        ["runtunnel ssh 1001 -- my-o", "runtunnel ssh 1001 -- my-own-key.pem"],
      ] as const) {
        await terminal.type(typed);
        await terminal.press("Tab");
        await terminal.see(new RegExp(`^\\$ ${completed.replaceAll(/[.]/g, "\\$&")}(?: |$)`, "m"));
        await terminal.press("C-u", "C-l");
        await terminal.see(/^\$\s*$/);
      }
    },
  );

  test("asks no network and leaves nothing behind", async () => {
    await using stranger = await Scratch.create({ ...user.env, API: "http://127.0.0.1:9/", API_TOKEN: "x" });
    const { stdout, stderr, exitCode } = await stranger.run(["complete", "--", "start", ""]);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: ":end\n", stderr: "", exitCode: 0 });
    expect(await stranger.files()).toEqual([]);
  });

  test("says nothing of broken files", async () => {
    await using stranger = await Scratch.create();
    await mkdir(join(stranger.home, ".config", "runtunnel"), { recursive: true });
    await writeFile(join(stranger.home, ".config", "runtunnel", "config.toml"), "a = = 1");
    await mkdir(stranger.recordFolder, { recursive: true });
    await writeFile(join(stranger.recordFolder, "x.json"), "{");
    const { stdout, stderr, exitCode } = await stranger.run(["complete", "--empty", "--", "stop", "--profile"]);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: ":end\n", stderr: "", exitCode: 0 });
  });
});
