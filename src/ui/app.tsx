// The whole page.
import { useEffect, useRef, useState } from "preact/hooks";
import type { UiState, UiTunnel } from "./api.ts";
import { count, formatRate } from "./format.ts";
import { Icon } from "./icon.tsx";
import { StartDialog } from "./start-dialog.tsx";
import { toneOf } from "./state-mark.tsx";
import { StopDialog } from "./stop-dialog.tsx";
import { ThemeButton } from "./theme.tsx";
import { TunnelCard } from "./tunnel-card.tsx";
import { TunnelDialog } from "./tunnel-dialog.tsx";
import { type Link, useTunnels } from "./use-tunnels.ts";

type Open =
  | { readonly kind: "start" }
  | { readonly kind: "stop"; readonly id: string }
  | { readonly kind: "tunnel"; readonly id: string; readonly tab: string };

/** How long a piece of news stays on the screen. */
const NEWS_MS = 8000;

/** The page: what it shows depends on whether the server lets us in. */
export function App() {
  const { link, refresh, state } = useTunnels();
  const [open, setOpen] = useState<Open>();
  const [news, tell] = useNews();
  const announced = useAnnouncements(state);
  if (link === "locked") return <Locked />;
  if (state === undefined) return <Waiting link={link} />;
  const close = (): void => setOpen(undefined);
  const done = (text: string): void => {
    tell(text);
    close();
    refresh();
  };
  const shown =
    open === undefined || open.kind === "start" ? undefined : state.tunnels.find(({ id }) => id === open.id);
  return (
    <>
      <Head state={state} onStart={() => setOpen({ kind: "start" })} />
      <main>
        {link === "lost" && <Lost />}
        <h1 class="sr-only">Tunnels</h1>
        {state.damaged.map(({ path, problem }) => (
          <p class="callout warn" key={path}>
            {problem}
          </p>
        ))}
        {state.tunnels.length === 0 && <Empty onStart={() => setOpen({ kind: "start" })} />}
        <div class={link === "lost" ? "cards stale" : "cards"}>
          {state.tunnels.map((tunnel) => (
            <TunnelCard
              key={tunnel.id}
              tunnel={tunnel}
              now={state.now}
              actions={{
                onConnect: () => setOpen({ kind: "tunnel", id: tunnel.id, tab: "connect" }),
                onDetails: () => setOpen({ kind: "tunnel", id: tunnel.id, tab: "health" }),
                onStop: () => setOpen({ kind: "stop", id: tunnel.id }),
              }}
            />
          ))}
        </div>
      </main>
      <Foot state={state} />
      {open?.kind === "start" && <StartDialog state={state} onClose={close} onDone={done} />}
      {open?.kind === "stop" && shown !== undefined && <StopDialog tunnel={shown} onClose={close} onDone={done} />}
      {open?.kind === "tunnel" && shown !== undefined && (
        <TunnelDialog tunnel={shown} now={state.now} tab={open.tab} onClose={close} />
      )}
      <div class="news" role="status">
        {news !== undefined && (
          <p>
            <Icon name="check" /> {news}
          </p>
        )}
      </div>
      <p class="sr-only" role="status">
        {announced}
      </p>
    </>
  );
}

function Head({ onStart, state }: { readonly state: UiState; readonly onStart: () => void }) {
  const { machine, tunnels, user } = state;
  const troubled = tunnels.filter(({ state: each }) => ["warn", "bad"].includes(toneOf(each))).length;
  const rate = (direction: "upPerSecond" | "downPerSecond"): string =>
    formatRate(tunnels.reduce((sum, { traffic }) => sum + (traffic.at(-1)?.[direction] ?? 0), 0));
  useEffect(() => {
    document.title = troubled > 0 ? `(${troubled}!) runtunnel` : `${count(tunnels.length, "tunnel")} · runtunnel`;
  }, [troubled, tunnels.length]);
  return (
    <header class="head">
      <div class="brand">
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M6 24v-7a10 10 0 0 1 20 0v7" />
          <path class="inner" d="M12 24v-6.5a4 4 0 0 1 8 0V24" />
        </svg>
        <div>
          <p class="name">runtunnel</p>
          <p class="muted">
            {user} on {machine}
          </p>
        </div>
      </div>
      {tunnels.length > 0 && (
        <p class="summary muted">
          <span>{count(tunnels.length, "tunnel")}</span>
          {troubled > 0 && <span class="troubled">{troubled} not healthy</span>}
          <span class="rate rate-down">
            <Icon name="down" />
            {rate("downPerSecond")}
          </span>
          <span class="rate rate-up">
            <Icon name="up" />
            {rate("upPerSecond")}
          </span>
        </p>
      )}
      <div class="head-actions">
        <ThemeButton />
        <button type="button" class="button primary" onClick={onStart}>
          <Icon name="plus" /> Start a tunnel
        </button>
      </div>
    </header>
  );
}

function Foot({ state }: { readonly state: UiState }) {
  return (
    <footer class="foot muted">
      <p>{state.version}</p>
      <p>This page ends with "runtunnel ui" in your terminal; tunnels go on without it.</p>
    </footer>
  );
}

function Empty({ onStart }: { readonly onStart: () => void }) {
  return (
    <section class="empty">
      <h2>No tunnels yet</h2>
      <p class="muted">
        A tunnel joins a port of this machine to a port of a remote run. Then ssh, SFTP programs, browsers and databases
        reach the run as if it were here.
      </p>
      <button type="button" class="button primary" onClick={onStart}>
        <Icon name="plus" /> Start your first tunnel
      </button>
    </section>
  );
}

function Lost() {
  return (
    <div class="callout bad" role="alert">
      <Icon name="warning" />
      <div>
        <p>runtunnel does not answer. What you see is how it was.</p>
        <p class="muted">Tunnels go on without the page. Run "runtunnel ui" again for a new one.</p>
      </div>
    </div>
  );
}

function Locked() {
  return (
    <main class="alone">
      <h1>This page needs its link</h1>
      <p>
        Run <code>runtunnel ui</code> in a terminal and open the link that it prints. Each link works once and lets one
        browser in.
      </p>
    </main>
  );
}

function Waiting({ link }: { readonly link: Link }) {
  return (
    <main class="alone">
      <h1 class="sr-only">runtunnel</h1>
      <p role="status">{link === "lost" ? 'runtunnel does not answer. Run "runtunnel ui" again.' : "One moment"}</p>
    </main>
  );
}

/** A line that goes away by itself. */
function useNews(): readonly [string | undefined, (text: string) => void] {
  const [news, setNews] = useState<string>();
  useEffect(() => {
    if (news === undefined) return;
    const timer = setTimeout(() => setNews(undefined), NEWS_MS);
    return () => clearTimeout(timer);
  }, [news]);
  return [news, setNews];
}

/** What a screen reader says when a tunnel's state changes. */
function useAnnouncements(state: UiState | undefined): string {
  const before = useRef<readonly UiTunnel[]>(undefined);
  const [text, setText] = useState("");
  useEffect(() => {
    const known = before.current;
    before.current = state?.tunnels;
    if (known === undefined || state === undefined) return;
    const changes = state.tunnels.flatMap(({ id, name, state: now }) =>
      known.some((tunnel) => tunnel.id === id && tunnel.state === now) ? [] : [`${name} is ${now}`],
    );
    const gone = known.filter(({ id }) => state.tunnels.every((tunnel) => tunnel.id !== id));
    const said = [...changes, ...gone.map(({ name }) => `${name} is gone`)].join(", ");
    if (said !== "") setText(said);
  }, [state]);
  return text;
}
