import { describe, expect, test } from "bun:test";
import { browserCommand, startBrowser } from "../../src/os/open-browser.ts";

describe("browserCommand()", () => {
  test.each([
    ["linux", {}, undefined],
    ["linux", { DISPLAY: "" }, undefined],
    ["linux", { DISPLAY: ":0" }, ["xdg-open", "X"]],
    ["linux", { WAYLAND_DISPLAY: "wayland-0" }, ["xdg-open", "X"]],
    ["linux", { WSL_DISTRO_NAME: "Debian", DISPLAY: ":0" }, ["wslview", "X"]],
    ["darwin", {}, ["open", "X"]],
    ["darwin", { SSH_CONNECTION: "192.0.2.1 1 192.0.2.2 22" }, undefined],
    ["win32", {}, ["rundll32.exe", "url.dll,FileProtocolHandler", "X"]],
  ] as const)("on %s with %p is %p", (system, environment, command) => {
    expect(browserCommand("X", { system, environment })).toEqual(command as readonly string[] | undefined);
  });
});

describe("startBrowser()", () => {
  test("says whether the program is there", async () => {
    expect(await startBrowser(["/no/such/program", "X"])).toBe(false);
    expect(await startBrowser([process.execPath, "--version"])).toBe(true);
  });
});
