// One health check: dial a remote port and, where SSH or HTTP is expected, wait for its first words. The connection is
// small and closed at once, and goes through the same transport as the users' connections.
import type { ByteStream } from "../domain/byte-stream.ts";
import type { Clock } from "../domain/clock.ts";
import { UnreachableError } from "../domain/errors.ts";
import type { ProbeKind } from "../domain/tunnel-spec.ts";
import type { Dialer } from "../transports/transport.ts";

/** RFC 4253, section 4.2, lets a server send other lines before its banner; this much of them is read. */
const MAX_BANNER_BYTES = 8192;

/** The smallest question that every HTTP server answers; any status shows that it lives. HTTP/1.0: it closes by itself. */
const HTTP_QUESTION = Buffer.from("HEAD / HTTP/1.0\r\nUser-Agent: runtunnel\r\n\r\n");

/** Options of one probe. */
export type ProbeOptions = {
  readonly kind: ProbeKind;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
};

/** Milliseconds from the start of the dial to the answer. Throws the AppError of the hop that failed. */
export async function probe(dialer: Dialer, options: ProbeOptions): Promise<number> {
  const startedAt = options.clock.monotonicMs();
  const stream = await dialer.dial(options.port, { signal: options.signal, timeoutMs: options.timeoutMs });
  try {
    switch (options.kind) {
      case "ssh":
        await awaitWords(stream, SSH_WORDS, options);
        break;
      case "http":
        await awaitWords(stream, HTTP_WORDS, options);
        break;
      case "dial":
        stream.attach({ onData() {}, onDrain() {}, onEnd() {}, onClose() {} });
    }
  } finally {
    stream.destroy();
  }
  return options.clock.monotonicMs() - startedAt;
}

/** First words that prove a server. */
type ExpectedWords = {
  readonly pattern: RegExp;
  /** What they are, for messages. */
  readonly awaited: string;
  /** Sent first, where the server waits to be asked. */
  readonly question?: Uint8Array;
  /** Whether what came so far may still become the words. */
  readonly canBecome: (text: string) => boolean;
  readonly error: (port: number, what: string) => UnreachableError;
};

const SSH_WORDS: ExpectedWords = {
  pattern: /(?:^|\n)SSH-/,
  awaited: "banner",
  // HTTP and TLS servers are told apart at once; other text may be a greeting that precedes the banner.
  canBecome: (text) => !text.startsWith("HTTP/") && !text.startsWith("\x16\x03") && !text.includes("\0"),
  error: (port, what) =>
    new UnreachableError(`No SSH server answers on remote port ${port}: ${what}`, {
      code: "no-ssh-banner",
      hop: "ssh-banner",
      hint: "The run may still be starting, or another service has this port; check --remote-port",
    }),
};

const HTTP_WORDS: ExpectedWords = {
  pattern: /^HTTP\/\d/,
  awaited: "answer",
  question: HTTP_QUESTION,
  canBecome: (text) => "HTTP/".startsWith(text.slice(0, 5)),
  error: (port, what) =>
    new UnreachableError(`No HTTP server answers on remote port ${port}: ${what}`, {
      code: "no-http-answer",
      hop: "remote-port",
      hint: "The service may still be starting, or another one has this port; check --remote-port and --probe",
    }),
};

function awaitWords(stream: ByteStream, words: ExpectedWords, options: ProbeOptions): Promise<void> {
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  return new Promise((resolve, reject) => {
    let text = "";
    const fail = (what: string): void => reject(words.error(options.port, what));
    const giveUp = (): void => fail("nothing came in time");
    deadline.addEventListener("abort", giveUp, { once: true });
    if (deadline.aborted) giveUp();
    stream.attach({
      onData(chunk) {
        text += Buffer.from(chunk).toString("latin1");
        if (words.pattern.test(text)) resolve();
        else if (text.length > MAX_BANNER_BYTES || !words.canBecome(text)) fail("something else speaks there");
      },
      onDrain() {},
      onEnd: () => fail(`the connection was closed before the ${words.awaited}`),
      onClose: () => fail(`the connection was closed before the ${words.awaited}`),
    });
    if (words.question !== undefined) stream.write(words.question);
  });
}
