// A modal dialog of the browser's own: it keeps the focus, closes on Escape, and gives the focus back.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
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
  const titleId = useId();
  useEffect(() => {
    const element = ref.current;
    const opener = document.activeElement;
    element?.showModal();
    element?.querySelector<HTMLElement>("[data-focus]")?.focus();
    return () => {
      element?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  const closeOnEscape = (event: Event): void => {
    event.preventDefault();
    onClose();
  };
  return (
    <dialog ref={ref} class={`dialog dialog-${size}`} aria-labelledby={titleId} onCancel={closeOnEscape}>
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
