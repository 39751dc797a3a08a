// Light, dark, or as the system has it. Plots are drawn on canvases and must be told.
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

const NAMES = ["auto", "light", "dark"] as const;
type Theme = (typeof NAMES)[number];

const TITLES: Readonly<Record<Theme, string>> = {
  auto: "Colours as the system",
  light: "Light colours",
  dark: "Dark colours",
};
const KEY_NAME = "runtunnel-theme";
const SYSTEM_DARK = matchMedia("(prefers-color-scheme: dark)");

/** Applies what the user chose the last time. */
export function restoreTheme(): void {
  apply(readTheme());
}

/** Whether the page is dark now; changes with the choice and with the system. */
export function useIsDark(): boolean {
  const [isDark, setDark] = useState(isDarkNow);
  useEffect(() => {
    const update = (): void => setDark(isDarkNow());
    const observer = new MutationObserver(update);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    SYSTEM_DARK.addEventListener("change", update);
    return () => {
      observer.disconnect();
      SYSTEM_DARK.removeEventListener("change", update);
    };
  }, []);
  return isDark;
}

/** Goes through the choices. */
export function ThemeButton() {
  const [theme, setTheme] = useState(readTheme);
  const next = NAMES[(NAMES.indexOf(theme) + 1) % NAMES.length] ?? "auto";
  const choose = (): void => {
    localStorage.setItem(KEY_NAME, next);
    apply(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      class="button icon-only"
      onClick={choose}
      title={`${TITLES[theme]}. Next: ${TITLES[next].toLowerCase()}`}
    >
      <Icon name={theme} />
      <span class="sr-only">{TITLES[theme]}</span>
    </button>
  );
}

function readTheme(): Theme {
  const stored = localStorage.getItem(KEY_NAME);
  return NAMES.find((name) => name === stored) ?? "auto";
}

function apply(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
}

function isDarkNow(): boolean {
  const theme = readTheme();
  return theme === "dark" || (theme === "auto" && SYSTEM_DARK.matches);
}
