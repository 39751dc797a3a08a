import { describe, expect, test } from "bun:test";
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Systemd } from "../../../src/os/services/systemd/systemd.ts";
import { renderUnit } from "../../../src/os/services/systemd/unit.ts";
import { requirePeer } from "../../support/peers.ts";
import { tempHome } from "../../support/temp-home.ts";
import { fakeTools, makeDefinition } from "./definition.ts";

describe("renderUnit()", () => {
  test("quotes paths as systemd.syntax(7) wants them", () => {
    const lines = renderUnit(makeDefinition()).split("\n");
    expect(lines).toContain(
      'ExecStart="/opt/my apps/run$tunnel" "service" "run" "--config" "/home/ada/ünï 100%% \\"$$x\\" <&> \\\\ \'y\'.toml"',
    );
    expect(lines).toContain('Environment="RUNTUNNEL_STATE_DIR=/srv/a b/100%%"');
    expect(lines).toContain("RestartPreventExitStatus=2");
    expect(lines).toContain("KillMode=process");
    expect(lines).toContain("WantedBy=default.target");
  });

  test("waits for the network and takes an account and low ports as a system service only", () => {
    const unit = renderUnit(makeDefinition({ scope: "system", runAs: "ada", lowPorts: true }));
    for (const line of [
      "User=ada",
      "AmbientCapabilities=CAP_NET_BIND_SERVICE",
      "After=network-online.target",
      "WantedBy=multi-user.target",
      "ProtectSystem=full",
    ]) {
      expect(unit.split("\n")).toContain(line);
      expect(renderUnit(makeDefinition({ lowPorts: true })).split("\n")).not.toContain(line);
    }
  });

  test.each(["a\nExecStart=/bin/evil", "a\u0000b", "\u007f"])("refuses the control characters of %j", (text) => {
    expect(() => renderUnit(makeDefinition({ command: [text] }))).toThrow("control characters");
    expect(() => renderUnit(makeDefinition({ description: text }))).toThrow("control characters");
    expect(() => renderUnit(makeDefinition({ environment: { A: text } }))).toThrow("control characters");
  });

  test.each([`/a"b`, `/a'b`, "/a\\b"])("refuses a program at %s, which systemd cannot start", (program) => {
    expect(() => renderUnit(makeDefinition({ command: [program, "x"] }))).toThrow("systemd cannot start");
  });

  test.skipIf(!requirePeer("systemd-analyze")).each(["user", "system"] as const)(
    "passes systemd-analyze verify in %s scope",
    async (scope) => {
      await using home = await tempHome();
      const program = join(home.path, "a b 100% ü $c.sh");
      await writeFile(program, "#!/bin/sh\n", { mode: 0o755 });
      const path = join(home.path, "runtunnel.service");
      const command = [program, "$x", "%h", 'q"\\'];
      await writeFile(path, renderUnit(makeDefinition({ scope, command, lowPorts: true })));
      // The exit code says nothing: complaints are on stderr.
      const { stderr } = Bun.spawnSync(["systemd-analyze", "--man=no", `--${scope}`, "verify", path], {
        env: { ...process.env, HOME: home.path, XDG_RUNTIME_DIR: home.path },
      });
      expect(stderr.toString()).toBe("");
    },
  );
});

describe("Systemd", () => {
  const show = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=42\n";

  test("install() writes the unit, then reads, enables and restarts it", async () => {
    await using home = await tempHome();
    const { asked, run } = fakeTools({});
    const systemd = new Systemd({ userConfigFolder: home.path, run });
    await systemd.install(makeDefinition());
    expect(await readFile(join(home.path, "systemd/user/runtunnel.service"), "utf8")).toBe(
      renderUnit(makeDefinition()),
    );
    expect(asked).toEqual([
      "systemctl --user daemon-reload",
      "systemctl --user enable runtunnel.service",
      "systemctl --user restart runtunnel.service",
    ]);
  });

  test("uninstall() stops it and removes the unit; without one it does nothing", async () => {
    await using home = await tempHome();
    const tools = fakeTools({ "systemctl --user show": { stdout: show } });
    const systemd = new Systemd({ userConfigFolder: home.path, run: tools.run });
    await systemd.install(makeDefinition());
    expect(await systemd.uninstall(makeDefinition())).toBe(true);
    expect(tools.asked).toContain("systemctl --user disable --now runtunnel.service");
    await expect(access(join(home.path, "systemd/user/runtunnel.service"))).rejects.toThrow();
    const none = fakeTools({ "systemctl --user show": { stdout: "LoadState=not-found\n" } });
    const other = new Systemd({ userConfigFolder: home.path, run: none.run });
    expect(await other.uninstall(makeDefinition())).toBe(false);
    expect(none.asked.length).toBe(1);
  });

  test("status() reads systemd's properties, values with equal signs included", async () => {
    const { run } = fakeTools({ "systemctl --system show": { stdout: `${show}StatusText=1 tunnel: a=b\n` } });
    const systemd = new Systemd({ userConfigFolder: "/nowhere", run });
    expect(await systemd.status({ name: "x", scope: "system" })).toEqual({
      installed: true,
      enabled: true,
      running: true,
      pid: 42,
      detail: "active (running): 1 tunnel: a=b",
    });
  });

  test("tells systemd's own words when it refuses", async () => {
    const { run } = fakeTools({ "systemctl --user start": { exitCode: 1, stderr: "Unit x.service\n is masked.\n" } });
    const systemd = new Systemd({ userConfigFolder: "/nowhere", run });
    await expect(systemd.start({ name: "x", scope: "user" })).rejects.toThrow(
      "Cannot start the service: Unit x.service; is masked.",
    );
  });
});
