// A value that must never be printed: tokens, passwords, private keys.

const REDACTED = "[redacted]";

/** Holds a secret text. Every way of printing it gives `[redacted]`; `reveal()` is the only way to the text. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the one place that sends or writes it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}

/** Replaces every occurrence of the secrets in a text, for texts that others wrote (a server's error page). */
export function redact(text: string, secrets: readonly Secret[]): string {
  // Longest first: a secret that begins with a shorter one must not lose its beginning alone.
  const texts = secrets.map((secret) => secret.reveal()).filter((secret) => secret !== "");
  texts.sort((one, other) => other.length - one.length);
  return texts.reduce((result, secret) => result.replaceAll(secret, () => REDACTED), text);
}
