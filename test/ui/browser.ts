// A real browser without a window, and users who look at the page in it.
import { readFile } from "node:fs/promises";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { LongCommand, Scratch } from "../e2e/support/scratch.ts";
import { eventually } from "../support/eventually.ts";

/** Names lead nowhere: whatever the browser wants from the world, it stays on this machine. */
const ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-gpu"];

/** One line for each thing that is wrong. */
const runChecker = (
  rules: string,
): string => `axe.run(document, { resultTypes: ["violations"], ${rules} }).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ failureSummary, target }) => [id, target, failureSummary].join(": "))))`;

/** A loaded machine may take its time; nothing passes by waiting. */
const TIMEOUT_MS = 30_000;

/** Starts the browser; whoever starts it closes it. */
export function startBrowser(home: string): Promise<Browser> {
  const executablePath = Bun.which("chromium");
  if (executablePath === null) throw new Error("There is no chromium");
  return chromium.launch({ executablePath, args: ARGUMENTS, env: { PATH: process.env["PATH"] ?? "", HOME: home } });
}

/** Starts `runtunnel ui` for a user; the link that it prints, and the command. */
export async function startUi(
  user: Scratch,
  words: readonly string[] = ["--no-open"],
): Promise<{ readonly url: string; readonly port: number; readonly command: LongCommand }> {
  const command = user.spawn(["ui", "--json", ...words]);
  const { port, url } = await eventually(() => JSON.parse(command.stdout) as { url: string; port: number }, {
    timeoutMs: TIMEOUT_MS,
  });
  return { url, port, command };
}

/** A tab that is closed when the test's block ends. */
export type Tab = AsyncDisposable & {
  readonly page: Page;
  /** What the browser complained about: scripts that failed, and whatever the page's own rules forbid. */
  readonly complaints: readonly string[];
};

/** Opens a page in a profile of its own. */
export async function openTab(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 850 },
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** What the accessibility checker finds wrong with what is shown, briefly; by all of its rules, or by one. */
export async function accessibilityProblems(page: Page, only?: string): Promise<readonly string[]> {
  // The page's own rules allow no script of ours: the checker runs in the browser's own world, beside them.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const world = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const contextId = world.executionContextId;
  await session.send("Runtime.evaluate", { contextId, expression: axe.source });
  const { result } = await session.send("Runtime.evaluate", {
    contextId,
    awaitPromise: true,
    returnByValue: true,
    expression: runChecker(only === undefined ? "" : `runOnly: ["${only}"]`),
  });
  await session.detach();
  if (!Array.isArray(result.value)) throw new Error(`The accessibility checker failed: ${JSON.stringify(result)}`);
  return result.value.map(String);
}

/** Does something that makes the browser save a file; the file's name and text. */
export async function savedBy(
  page: Page,
  act: () => Promise<void>,
): Promise<{ readonly name: string; readonly text: string }> {
  const [saved] = await Promise.all([page.waitForEvent("download"), act()]);
  return { name: saved.suggestedFilename(), text: await readFile(await saved.path(), "utf8") };
}
