// Texts to be copied: a button, and a line of text with one.
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** How long the button says that it has done its work. */
const SAID_MS = 1600;

/** Copies a text; `what` tells screen readers which. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [said, setSaid] = useState<"copied" | "failed" | undefined>();
  useEffect(() => {
    if (said === undefined) return;
    const timer = setTimeout(() => setSaid(undefined), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setSaid("copied"),
      () => setSaid("failed"),
    );
  };
  return (
    <button type="button" class="button small quiet copy" onClick={copy} title={`Copy ${what}`}>
      <Icon name={said === "copied" ? "check" : said === "failed" ? "cross" : "copy"} />
      <span class="sr-only">Copy {what}</span>
      <span class="copy-said" role="status">
        {said === "copied" ? "Copied" : said === "failed" ? "Select and copy by hand" : ""}
      </span>
    </button>
  );
}

/** A text that is copied as it stands, in a line of its own. */
export function CopyLine({
  title,
  text,
  href,
}: {
  readonly title: string;
  readonly text: string;
  readonly href?: string;
}) {
  return (
    <div class="copy-line">
      <dt>{title}</dt>
      <dd>
        {href === undefined ? (
          <code>{text}</code>
        ) : (
          <a href={href}>
            <code>{text}</code>
          </a>
        )}
        <CopyButton text={text} what={title} />
      </dd>
    </div>
  );
}
