// Keeps asking the server how the tunnels are, for as long as somebody looks at the page.
import { useEffect, useRef, useState } from "preact/hooks";
import type { UiState } from "./api.ts";
import { CallError, enter, get } from "./client.ts";
import { mergeState, WINDOW_MS } from "./history.ts";

/** `entering` until the first answer; `locked`: this browser is not let in; `lost`: the server has gone. */
export type Link = "entering" | "live" | "locked" | "lost";

/** What the page knows. */
export type Tunnels = {
  readonly link: Link;
  readonly state: UiState | undefined;
  /** Asks at once, after something was changed. */
  readonly refresh: () => void;
};

/** A person sees a second as "now"; the server looks at the tunnels as often. */
const INTERVAL_MS = 1000;

/** Samples that came to be while the last answer was on its way are asked for again. */
const OVERLAP_MS = 5000;

/** The state of all tunnels, live. Rests while the page is hidden. */
export function useTunnels(): Tunnels {
  const [state, setState] = useState<UiState>();
  const [link, setLink] = useState<Link>("entering");
  const refresh = useRef<() => void>(() => undefined);
  useEffect(() => {
    const loop = new Loop((known, next) => {
      setState(known);
      setLink(next);
    });
    refresh.current = () => loop.wake();
    const wake = (): void => loop.wake();
    document.addEventListener("visibilitychange", wake);
    // A second link pasted into the address bar loads nothing anew.
    window.addEventListener("hashchange", wake);
    loop.wake();
    return () => {
      loop.close();
      document.removeEventListener("visibilitychange", wake);
      window.removeEventListener("hashchange", wake);
    };
  }, []);
  return { link, state, refresh: () => refresh.current() };
}

class Loop {
  readonly #tell: (known: UiState | undefined, link: Link) => void;
  #known: UiState | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  #isWanted = false;
  #isClosed = false;

  constructor(tell: (known: UiState | undefined, link: Link) => void) {
    this.#tell = tell;
  }

  /** Asks now, or again when the question under way is answered. */
  wake(): void {
    clearTimeout(this.#timer);
    if (this.#isAsking) this.#isWanted = true;
    else void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    const link = await this.#look();
    this.#isAsking = false;
    if (this.#isClosed) return;
    this.#tell(this.#known, link);
    const isWanted = this.#isWanted;
    this.#isWanted = false;
    if (isWanted) return this.wake();
    if (link === "locked" || document.hidden) return;
    this.#timer = setTimeout(() => this.wake(), INTERVAL_MS);
  }

  async #look(): Promise<Link> {
    try {
      await enter();
      const since = this.#known === undefined ? Date.now() - WINDOW_MS : this.#known.now - OVERLAP_MS;
      this.#known = mergeState(this.#known, await get<UiState>(`state?since=${since}`));
      return "live";
    } catch (error) {
      const isLocked = error instanceof CallError && (error.code === "no-session" || error.code === "bad-token");
      return isLocked ? "locked" : "lost";
    }
  }
}
