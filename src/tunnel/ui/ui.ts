// `ui`: a page for people who would rather look, on a loopback port, until Ctrl+C. The tunnels do not depend on it.
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { errorMessage } from "../../domain/errors.ts";
import { ensurePrivateFolder, removeIfExists, replaceFile } from "../../os/atomic-file.ts";
import { browserCommand, startBrowser } from "../../os/open-browser.ts";
import type { AppContext } from "../context.ts";
import { UiActions, type UiWorld } from "./ui-actions.ts";
import { loadPages } from "./ui-pages.ts";
import { startUiServer } from "./ui-server.ts";
import { UiSessions } from "./ui-sessions.ts";

/** `ui` as asked for. */
export type UiOptions = UiWorld & {
  /** 0: any free one. */
  readonly port: number;
  readonly openBrowser: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** What is told when the page can be opened. */
export type UiReady = {
  /** With a token that works once. */
  readonly url: string;
  readonly port: number;
  /** Whether a browser was started. */
  readonly opened: boolean;
};

/** Serves the page until the context's signal. Throws ConflictError when the port is taken. */
export async function runUi(options: UiOptions, context: AppContext, onReady: (ready: UiReady) => void): Promise<void> {
  const sessions = new UiSessions();
  const actions = new UiActions(context, options);
  const server = startUiServer({
    port: options.port,
    pages: await loadPages(),
    sessions,
    actions,
    onBug: (error) => context.log.error(`The page met a bug: ${errorMessage(error)}`),
  });
  const link = (onRedeemed?: () => void): string =>
    `http://127.0.0.1:${server.port}/#${sessions.issueToken(onRedeemed)}`;
  const folder = join(context.folders.state, "ui");
  try {
    await removeLeftLinks(folder, context);
    const opened = options.openBrowser && (await openBrowser(link, folder, options, context));
    onReady({ url: link(), port: server.port, opened });
    await untilAborted(context.signal);
  } finally {
    await server.close();
    await removeLeftLinks(folder, context);
  }
}

/** Starts the browser. Everybody on this machine can read arguments, so the link goes through a file that only the user
 * can read; on Windows others cannot, and pages may be opened by name alone. */
async function openBrowser(
  link: (onRedeemed?: () => void) => string,
  folder: string,
  { environment }: UiOptions,
  { processes, system }: AppContext,
): Promise<boolean> {
  const surroundings = { system, environment };
  if (browserCommand("", surroundings) === undefined) return false;
  if (system === "win32") return startBrowser(browserCommand(link(), surroundings) ?? []);
  const path = join(folder, `${processes.self().pid}-${randomBytes(8).toString("hex")}.html`);
  await ensurePrivateFolder(folder);
  await replaceFile(path, renderLink(link(() => void removeIfExists(path).catch(() => undefined))), { mode: 0o600 });
  return startBrowser(browserCommand(pathToFileURL(path).href, surroundings) ?? []);
}

/** A page that goes on to another. */
function renderLink(url: string): string {
  return `<!doctype html>\n<meta charset="utf-8">\n<title>runtunnel</title>\n<meta http-equiv="refresh" content="0; url=${url}">\n<a href="${url}">Open runtunnel</a>\n`;
}

/** Takes away the links of servers that are gone, this one included: they lead nowhere. */
async function removeLeftLinks(folder: string, { processes }: AppContext): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = Number(/^(\d+)-[0-9a-f]{16}\.html$/.exec(name)?.[1] ?? Number.NaN);
    if (pid !== processes.self().pid && (Number.isNaN(pid) || processes.find(pid) !== undefined)) continue;
    await removeIfExists(join(folder, name)).catch(() => undefined);
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
