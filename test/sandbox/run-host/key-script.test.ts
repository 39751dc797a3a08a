import { describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runKeyScript } from "../../../src/sandbox/run-host/key-script.ts";
import { RunFolder } from "../../../src/sandbox/run-host/run-folder.ts";
import { renderPosixScript } from "../../../src/ssh/remote/posix-script.ts";
import { parseRemoteAnswer, type RemoteJob } from "../../../src/ssh/remote/remote-job.ts";
import { tempHome } from "../../support/temp-home.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV";

describe("runKeyScript()", () => {
  test("does what the script says: adds a key once, takes exactly that one back, tells the host keys", async () => {
    await using home = await tempHome();
    const folder = new RunFolder(home.path, ["root", "u1"]);
    await folder.create("pipeline-1001");
    await writeFile(join(home.path, "etc/ssh/ssh_host_ed25519_key.pub"), `${HOST_KEY}\n`);
    await mkdir(join(folder.homeOf("u1"), ".ssh"));
    const keys = join(folder.homeOf("u1"), ".ssh/authorized_keys");
    await writeFile(keys, "ssh-rsa AAAA mine");
    const job: RemoteJob = {
      mode: "add",
      accounts: ["root", "u1", "nobody"],
      line: "ssh-ed25519 AAAA it's",
      tag: "t7",
    };

    for (let times = 0; times < 2; times += 1) {
      const answer = parseRemoteAnswer((await runKeyScript(renderPosixScript(job), folder)) ?? "", "t7");
      expect(answer).toMatchObject({ complete: true, done: ["root", "u1"], hostKeys: [{ type: "ssh-ed25519" }] });
      expect(answer.failures).toMatchObject([{ account: "nobody", code: "no-account" }]);
    }
    expect(await readFile(keys, "utf8")).toBe("ssh-rsa AAAA mine\nssh-ed25519 AAAA it's\n");
    const undone = (await runKeyScript(renderPosixScript({ ...job, mode: "remove" }), folder)) ?? "";
    expect(parseRemoteAnswer(undone, "t7")).toMatchObject({ complete: true, hostKeys: [] });
    expect(await readFile(keys, "utf8")).toBe("ssh-rsa AAAA mine\n");
  });

  test("does not pretend to understand other scripts", async () => {
    await using home = await tempHome();
    const folder = new RunFolder(home.path, ["root"]);
    expect(await runKeyScript("echo hello\n", folder)).toBeUndefined();
    expect(
      await runKeyScript("tag='a'\nmode='destroy'\nline='x'\nfor account in 'root'; do\n", folder),
    ).toBeUndefined();
  });
});
