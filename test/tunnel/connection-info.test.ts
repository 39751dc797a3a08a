import { describe, expect, test } from "bun:test";
import { describeConnection } from "../../src/tunnel/connection-info.ts";
import { makeRecord, makeSpec } from "../support/specs.ts";

const session = makeSpec({ platform: "backend-ai", run: "demo", ports: [{ local: 52_468, remote: 22 }] });

describe("describeConnection()", () => {
  test("names the key of a session that its platform hands out, as the platform's dialog does", () => {
    const info = describeConnection(makeRecord({ spec: session, runName: "session-demo" }));
    const options = "-i id_container -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
    expect(info.getKey).toBe("runtunnel key demo -o id_container");
    expect(info.commands).toEqual({
      ssh: `ssh ${options} -p 52468 work@127.0.0.1`,
      sftp: `sftp ${options} -P 52468 work@127.0.0.1`,
      upload: `scp ${options} -P 52468 -r FILE work@127.0.0.1:PATH`,
      download: `scp ${options} -P 52468 -r work@127.0.0.1:PATH .`,
      rsync: `rsync -av -e "ssh ${options} -p 52468" FOLDER/ work@127.0.0.1:PATH/`,
    });
    expect(info.urls).toEqual({
      ssh: "ssh://work@127.0.0.1:52468",
      sftp: "sftp://work@127.0.0.1:52468",
      vscode: "vscode://vscode-remote/ssh-remote+work@127.0.0.1%3A52468/home/work",
    });
    expect(info.putty).toEqual([
      "runtunnel key demo -o id_container.ppk",
      "In PuTTY: host name work@127.0.0.1, port 52468, SSH, Connection > SSH > Auth > Credentials: private key id_container.ppk",
    ]);
    expect(info.filezilla.join("\n")).toContain("Settings, Connection, SFTP, Add key file, choose id_container.ppk");
  });

  test("uses the alias alone where passwordless SSH is set up", () => {
    const ssh = { alias: "session-demo", clients: ["OpenSSH"], identityFile: "/k", users: ["work"] };
    const info = describeConnection(makeRecord({ spec: { ...session, ssh: { users: [], keep: false } }, ssh }));
    expect(info.getKey).toBeUndefined();
    expect(info.commands.ssh).toBe("ssh session-demo");
    expect(info.urls.vscode).toBe("vscode://vscode-remote/ssh-remote+session-demo/home/work");
    expect(JSON.stringify(info)).not.toContain("id_container");
  });

  test("remembers the host key of a run under the run's name, and opens VS Code at the root", () => {
    const info = describeConnection(makeRecord());
    expect(info.commands.sftp).toBe("sftp -o HostKeyAlias=pipeline-56819 -P 4567 root@127.0.0.1");
    expect(info.urls.vscode).toBe("vscode://vscode-remote/ssh-remote+root@127.0.0.1%3A4567/");
  });

  test.each([
    ["::1", "::1"],
    ["::", "::1"],
    ["fd00::7", "fd00::7"],
  ])("writes the IPv6 address %s as each client reads it", (listenAddress, host) => {
    const info = describeConnection(makeRecord({ spec: makeSpec({ listenAddress }) }));
    expect(info.host).toBe(host);
    expect(info.commands.ssh).toEndWith(`-p 4567 root@${host}`);
    expect(info.commands.upload).toEndWith(`-r FILE root@[${host}]:PATH`);
    expect(info.commands.rsync).toEndWith(`FOLDER/ root@[${host}]:PATH/`);
    expect(info.urls.sftp).toBe(`sftp://root@[${host}]:4567`);
    expect(new URL(info.urls.ssh).port).toBe("4567");
  });

  test.each(["0.0.0.0", "localhost"])("reaches a tunnel that listens on %s by loopback", (listenAddress) => {
    expect(describeConnection(makeRecord({ spec: makeSpec({ listenAddress }) })).host).toBe("127.0.0.1");
  });
});
