// A modal dialog of the browser's own: it keeps the focus, closes on Escape, and gives the focus back.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

type DialogProps = {
  readonly title: string;
  readonly subtitle?: ComponentChildren;
  readonly size?: "small" | "large";
  readonly onClose: () => void;
  readonly children: ComponentChildren;
};

/** Shown as long as it is rendered. What has the attribute `data-focus` gets the focus. */
export function Dialog({ children, onClose, size = "large", subtitle, title }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const isShown = useRef(false);
  const titleId = useId();
  // Before anything is painted: until then it would be no more than a box on the page.
  useLayoutEffect(() => {
    const element = ref.current;
    const opener = document.activeElement;
    element?.showModal();
    isShown.current = true;
    element?.querySelector<HTMLElement>("[data-focus]")?.focus();
    return () => {
      isShown.current = false;
      element?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const closeOnEscape = (event: Event): void => {
    event.preventDefault();
    onClose();
  };
  // A browser need not ask before it closes a dialog a second time.
  const closeByBrowser = (): void => {
    if (isShown.current) onClose();
  };
  return (
    <dialog
      ref={ref}
      class={`dialog dialog-${size}`}
      aria-labelledby={titleId}
      onCancel={closeOnEscape}
      onClose={closeByBrowser}
    >
      <header class="dialog-head">
        <div>
          <h2 id={titleId}>{title}</h2>
          {subtitle !== undefined && <p class="muted">{subtitle}</p>}
        </div>
        <button type="button" class="button icon-only quiet" onClick={onClose}>
          <Icon name="close" />
          <span class="sr-only">Close</span>
        </button>
      </header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}
