// The page as people meet it: a real browser, the executable, and tunnels to runs of the sandbox.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { argumentsOf, type LongCommand, Scratch } from "../e2e/support/scratch.ts";
import { connect, echoOnce, serveLoopback } from "../e2e/support/sockets.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { accessibilityProblems, openTab, savedBy, startBrowser, startUi } from "./browser.ts";
import { ask } from "./ui-world.ts";

setDefaultTimeout(120_000);

const canRun = process.platform === "linux" && requirePeer("chromium", "ssh-keygen", "puttygen");

describe.skipIf(!canRun)("the page", () => {
  let host: Scratch;
  let browser: Browser;
  let sandbox: LongCommand;
  let platforms: Record<string, string>;

  beforeAll(async () => {
    host = await Scratch.create();
    sandbox = host.spawn(["sandbox", "--json"]);
    platforms = await eventually(() => JSON.parse(sandbox.stdout), { timeoutMs: 30_000 });
    browser = await startBrowser(host.home);
  });
  afterAll(async () => {
    await browser.close();
    sandbox.interrupt();
    await sandbox.end();
    await host[Symbol.asyncDispose]();
  });

  const card = (page: Page, name: string) => page.getByRole("article", { name: `Tunnel to ${name}` });

  test("starts a tunnel, shows how to connect, gives the key, and stops it", async () => {
    await using user = await Scratch.create(platforms);
    const { command, url } = await startUi(user);
    await using tab = await openTab(browser, url, { permissions: ["clipboard-read", "clipboard-write"] });
    const { page } = tab;
    await page.getByRole("button", { name: "Start your first tunnel" }).click();
    await page.getByRole("button", { name: /^1001 Cloud Pipeline/ }).click();
    expect(await page.getByLabel("Run", { exact: true }).inputValue()).toBe("1001");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await card(page, "pipeline-1001").getByText("healthy").waitFor();
    const [tunnel] = await user.list();
    const port = tunnel?.ports[0]?.local ?? 0;
    expect(tunnel?.ports[0]?.remote).toBe(22);
    await page.getByRole("button", { name: "Connect to pipeline-1001" }).click();
    const dialog = page.getByRole("dialog", { name: "pipeline-1001" });
    await dialog.getByRole("link", { name: `sftp://root@127.0.0.1:${port}` }).waitFor();
    await dialog.getByRole("button", { name: "Copy Shell" }).click();
    await dialog.getByText("Copied").waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("ssh pipeline-1001");

    const openssh = await savedBy(page, () => dialog.getByRole("button", { name: "OpenSSH" }).click());
    expect(openssh.name).toBe("id_container");
    const ppk = await savedBy(page, () => dialog.getByRole("button", { name: "PPK PuTTY" }).click());
    expect([ppk.name, ppk.text.split("\n")[0]]).toEqual(["id_container.ppk", "PuTTY-User-Key-File-3: ssh-ed25519"]);
    expect(await publicHalf(user.home, ppk.text, "puttygen", "-L")).toBe(
      await publicHalf(user.home, openssh.text, "ssh-keygen", "-y", "-f"),
    );
    await dialog.getByText("FileZilla", { exact: true }).click();
    const site = await savedBy(page, () => dialog.getByRole("button", { name: "Site file for FileZilla" }).click());
    expect(site).toEqual({ name: "pipeline-1001.xml", text: expect.stringContaining(`<Port>${port}</Port>`) });
    await dialog.getByRole("button", { name: "Close" }).click();

    await page.getByRole("button", { name: "Stop pipeline-1001" }).click();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByText("The tunnel to pipeline-1001 has stopped").waitFor();
    await page.getByText("No tunnels yet").waitFor();
    expect(await user.list()).toEqual([]);
    expect(tab.complaints).toEqual([]);
    command.interrupt();
    expect((await command.end()).exitCode).toBe(0);
    // Runs that were listed are remembered for completion.
    await user.expectNothingLeft(/^\.local\/state\/runtunnel\/(logs\/.*|known-runs\.json)$/);
  });

  test("gives the key of a Backend.AI session, and names it in the command lines", async () => {
    await using user = await Scratch.create(platforms);
    await user.startTunnel(["demo", "-lp", "0"]);
    const { url } = await startUi(user);
    await using tab = await openTab(browser, url);
    await tab.page.getByRole("button", { name: "Connect to session-demo" }).click();
    const dialog = tab.page.getByRole("dialog", { name: "session-demo" });
    await dialog.getByText(/^ssh -i ~\/\.ssh\/id_container .*work@127\.0\.0\.1$/).waitFor();
    const key = await savedBy(tab.page, () => dialog.getByRole("button", { name: "OpenSSH" }).click());
    expect(await publicHalf(user.home, key.text, "ssh-keygen", "-y", "-f")).toMatch(/^ssh-/);
    await dialog.getByText("chmod 600 ~/.ssh/id_container").waitFor();
    expect(tab.complaints).toEqual([]);
  });

  test("says what went wrong and what to do, in the dialog", async () => {
    await using user = await Scratch.create(platforms);
    const { url } = await startUi(user);
    await using tab = await openTab(browser, url);
    const { page } = tab;
    await page.getByRole("button", { name: "Start a tunnel" }).click();
    await page.getByLabel("Run", { exact: true }).fill("1004");
    await page.getByText("Another port").click();
    await page.getByLabel("Remote port").fill("8080");
    await page.getByText("runtunnel start 1004 -lp 0 -rp 8080", { exact: true }).waitFor();
    await page.keyboard.press("Enter");
    const alert = page.getByRole("alert");
    await alert.getByText("Run 1004 is paused").waitFor();
    await alert.getByText("Resume it on its page").waitFor();
    await page.getByLabel("Remote port").fill("none");
    await page.keyboard.press("Enter");
    await alert.getByText('Cannot read --remote-port "none"').waitFor();
    expect(await user.list()).toEqual([]);
  });

  test("shows what went through a tunnel before the page was opened", async () => {
    await using user = await Scratch.create(platforms);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "7"]);
    const text = "x".repeat(5000);
    expect(await echoOnce(tunnel.port, text)).toBe(text);
    const { url } = await startUi(user);
    await using tab = await openTab(browser, url);
    const plot = card(tab.page, "pipeline-1001").getByRole("img", { name: "Traffic of pipeline-1001" });
    expect(await plot.getAttribute("aria-label")).toMatch(/now .*, at most [1-9]/);
    await card(tab.page, "pipeline-1001").getByText("4.9 KiB down, 4.9 KiB up").waitFor();
  });

  test("says who is connected before it stops a tunnel, and does not wait for them when asked not to", async () => {
    await using user = await Scratch.create(platforms);
    const tunnel = await user.startTunnel(["1001", "-lp", "0", "-rp", "7"]);
    const socket = await connect(tunnel.port);
    const ended = new Promise((resolve) => socket.once("end", resolve).once("close", resolve).resume());
    const { url } = await startUi(user);
    await using tab = await openTab(browser, url);
    const { page } = tab;
    await card(page, "pipeline-1001").getByText("1 open connection").waitFor();
    await page.getByRole("button", { name: "Stop pipeline-1001" }).click();
    await page.getByText("1 connection is open and may take ten seconds to finish.").waitFor();
    await page.getByRole("button", { name: "Stop at once" }).click();
    await page.getByText("The tunnel to pipeline-1001 was ended").waitFor();
    await ended;
    socket.destroy();
    expect(await user.list()).toEqual([]);
    expect(tab.complaints).toEqual([]);
  });

  test("can be used with the keyboard alone", async () => {
    await using user = await Scratch.create(platforms);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22"]);
    const { url } = await startUi(user);
    await using tab = await openTab(browser, url);
    const { page } = tab;
    const focused = (): Promise<string> => page.evaluate("document.activeElement.textContent.trim()");
    await card(page, "pipeline-1001").waitFor();
    for (let steps = 0; (await focused()) !== "Details of pipeline-1001 on Cloud Pipeline"; steps += 1) {
      expect(steps).toBeLessThan(12);
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: "Health", selected: true }).focus();
    await page.keyboard.press("End");
    await page.getByText("The tunnel is up").waitFor();
    await page.keyboard.press("ArrowRight");
    expect(await focused()).toBe("SSH and SFTP");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await focused()).toBe("Details of pipeline-1001 on Cloud Pipeline");
  });

  test.each(["light", "dark"] as const)("passes the accessibility checker, %s", async (colorScheme) => {
    await using user = await Scratch.create(platforms);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    await user.startTunnel(["host:127.0.0.1", "-lp", "0", "-rp", "1"]);
    const { command, url } = await startUi(user);
    await using tab = await openTab(browser, url, { colorScheme });
    const { page } = tab;
    // Everything but colours is the same in the dark.
    const problems = () => accessibilityProblems(page, colorScheme === "dark" ? "color-contrast" : undefined);
    await card(page, "127.0.0.1").getByText("degraded").waitFor();
    expect(await problems()).toEqual([]);
    await page.getByRole("button", { name: "Connect to pipeline-1001" }).click();
    for (const name of ["SSH and SFTP", "Ports", "Health", "Check", "Log"]) {
      await page.getByRole("tab", { name }).click();
      if (name === "Check") await checkTheWay(page);
      expect(await problems(), name).toEqual([]);
    }
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Start a tunnel" }).click();
    await page.getByText("More options").click();
    expect(await problems()).toEqual([]);
    await page.keyboard.press("Escape");
    command.interrupt();
    await page.getByRole("alert").getByText("runtunnel does not answer").waitFor();
    expect(await problems()).toEqual([]);
  });

  test("fits a narrow screen, and keeps the colours that were chosen", async () => {
    await using user = await Scratch.create(platforms);
    await user.startTunnel(["1001", "-lp", "0", "-rp", "22", "--ssh"]);
    const { url } = await startUi(user);
    await using tab = await openTab(browser, url, { viewport: { width: 320, height: 640 } });
    const { page } = tab;
    const overflow = (): Promise<number> => page.evaluate("document.documentElement.scrollWidth - innerWidth");
    const background = (): Promise<string> => page.evaluate("getComputedStyle(document.body).backgroundColor");
    await card(page, "pipeline-1001").waitFor();
    expect(await overflow()).toBe(0);
    const light = await background();
    await page.getByRole("button", { name: "Colours as the system" }).click();
    expect(await background()).toBe(light);
    await page.getByRole("button", { name: "Light colours" }).click();
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.reload();
    await card(page, "pipeline-1001").waitFor();
    expect(await background()).toBe(dark);
    await page.getByRole("button", { name: "Connect to pipeline-1001" }).click();
    await page.getByRole("tab", { name: "SSH and SFTP" }).waitFor();
    expect(await overflow()).toBe(0);
  });

  test("lets one browser in by each link, and no page of another port", async () => {
    await using user = await Scratch.create(platforms);
    const { port, url } = await startUi(user);
    await using tab = await openTab(browser, url);
    await tab.page.getByText("No tunnels yet").waitFor();
    expect(tab.page.url()).toBe(`http://127.0.0.1:${port}/`);
    await using late = await openTab(browser, url);
    await late.page.getByText("This page needs its link").waitFor();

    // A page in the same browser, on another port of this machine: it has the cookie, and nothing else.
    const sent: string[] = [];
    const answer =
      "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<p>other\n";
    await using other = await serveLoopback((socket) => {
      socket.on("data", (chunk) => sent.push(String(chunk)));
      socket.once("data", () => socket.end(answer));
    });
    const page = await tab.page.context().newPage();
    await page.goto(`http://127.0.0.1:${other.port}/`);
    expect(sent.join()).toContain(`runtunnel-ui-${port}=`);
    const cookie = /cookie: ([^\r\n]+)/i.exec(sent.join())?.[1] ?? "";
    expect((await ask(port, "GET", "/api/state", { cookie })).status).toBe(401);
    const tries = await page.evaluate(`Promise.all([
      fetch("http://127.0.0.1:${port}/api/state", { credentials: "include" }).then(() => "read", () => "refused"),
      fetch("http://127.0.0.1:${port}/api/state", { credentials: "include", mode: "no-cors" }).then((r) => r.type, () => "refused"),
      fetch("http://127.0.0.1:${port}/api/tunnels/x/stop", { method: "POST", credentials: "include", headers: { "content-type": "application/json" }, body: "{}" }).then(() => "read", () => "refused"),
    ])`);
    expect(tries).toEqual(["refused", "refused", "refused"]);
  });

  test("opens the browser by a file that only the user can read, and takes it away", async () => {
    await using user = await Scratch.create(platforms);
    const opener = join(user.home, "xdg-open");
    await writeFile(opener, `#!/bin/sh\nprintf '%s\\n' "$1" > "$HOME/opened"\n`);
    await chmod(opener, 0o755);
    Object.assign(user.env, { DISPLAY: ":99", PATH: `${user.home}:${process.env["PATH"]}` });
    const { command, port } = await startUi(user, []);
    expect(JSON.parse(command.stdout)).toMatchObject({ opened: true, port });
    const link = await eventually(async () => {
      const text = await readFile(join(user.home, "opened"), "utf8");
      expect(text).toEndWith("\n");
      return text.trim();
    });
    const file = fileURLToPath(link);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(user.stateFolder, "ui"))).mode & 0o777).toBe(0o700);
    const token = /#([\w-]{43})/.exec(await readFile(file, "utf8"))?.[1] ?? "";
    expect(token).not.toBe("");
    expect(command.stdout).not.toContain(token);
    expect(argumentsOf(command.pid).join(" ")).not.toContain("#");
    await using tab = await openTab(browser, link);
    await tab.page.getByText("No tunnels yet").waitFor();
    await eventually(async () => expect(await readdir(join(user.stateFolder, "ui"))).toEqual([]));
    command.interrupt();
    expect((await command.end()).exitCode).toBe(0);
  });
});

/** Has every hop tried, and sees that the run's own port was reached. */
async function checkTheWay(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Check the way" }).click();
  const hops = page.getByRole("list", { name: "Hops" });
  await hops.getByRole("listitem").filter({ hasText: "Remote port" }).getByText("ok", { exact: true }).waitFor();
}

/** The public half of a private key, as another program reads it. */
async function publicHalf(
  folder: string,
  text: string,
  program: string,
  ...options: readonly string[]
): Promise<string> {
  const file = join(folder, crypto.randomUUID());
  await writeFile(file, text, { mode: 0o600 });
  const { status, stderr, stdout } = spawnSync(program, [...options, file], { encoding: "utf8" });
  await Bun.file(file).delete();
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return stdout.split(" ").slice(0, 2).join(" ").trim();
}
