// Carries the opening handshake over a stream. What follows the 101 goes back into the stream, for the frames' reader.
import { type AppError, UnreachableError } from "../../domain/errors.ts";
import { redact, type Secret } from "../../domain/secret.ts";
import type { RewindableStream } from "../../streams/inbound-stream.ts";
import { HeadReader, type ResponseHead } from "./response-head.ts";
import { clean, explainRefusal } from "./upgrade-errors.ts";
import { findUpgradeFault, type UpgradeRequest, type UpgradeTarget } from "./upgrade-request.ts";

/** As much of a refusal's body as is worth reading: a problem document or a page's title. */
const MAX_BODY_BYTES = 16 * 1024;

/** How long to wait for a refusal's body: the status alone is an answer too. */
const BODY_TIMEOUT_MS = 2000;

/** Sends the request and waits for the 101; leaves the stream paused, with early frames put back. Rejects with an AppError;
 * the caller then drops the stream, and does so too to give up. */
export function upgradeStream(stream: RewindableStream, target: UpgradeTarget, request: UpgradeRequest): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const handshake = new Handshake(target, request.secrets, {
    granted: (head, rest) => {
      stream.pause();
      stream.unread(rest);
      const fault = findUpgradeFault(head, request, target.shown);
      if (fault === undefined) resolve();
      else reject(fault);
    },
    refused: reject,
  });
  const sender = new Sender(stream, Buffer.from(request.text, "latin1"));
  stream.attach({
    onData: (chunk) => handshake.read(chunk),
    onDrain: () => sender.go(),
    onEnd: () => handshake.ended(undefined),
    onClose: (error) => handshake.ended(error),
  });
  sender.go();
  return promise;
}

/** Writes bytes as the stream takes them. */
class Sender {
  readonly #stream: RewindableStream;
  #rest: Uint8Array;

  constructor(stream: RewindableStream, bytes: Uint8Array) {
    this.#stream = stream;
    this.#rest = bytes;
  }

  go(): void {
    if (this.#rest.length > 0) this.#rest = this.#rest.subarray(this.#stream.write(this.#rest));
  }
}

type Outcome = {
  granted(head: ResponseHead, rest: Uint8Array): void;
  refused(error: AppError): void;
};

/** Reads the answer: a head, and after a refusal the beginning of its body. */
class Handshake {
  readonly #target: UpgradeTarget;
  readonly #secrets: readonly Secret[];
  readonly #outcome: Outcome;
  readonly #reader = new HeadReader();
  #head: ResponseHead | undefined;
  readonly #body: Uint8Array[] = [];
  #bodyBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isDone = false;

  constructor(target: UpgradeTarget, secrets: readonly Secret[], outcome: Outcome) {
    this.#target = target;
    this.#secrets = secrets;
    this.#outcome = outcome;
  }

  read(chunk: Uint8Array): void {
    if (this.#isDone) return;
    if (this.#head === undefined) this.#readHead(chunk);
    else this.#readBody(chunk, this.#head);
  }

  ended(error: Error | undefined): void {
    if (this.#isDone) return;
    if (this.#head === undefined) this.#refuse(this.#explainEnd(error));
    else this.#finish(this.#head);
  }

  #readHead(chunk: Uint8Array): void {
    const progress = this.#reader.read(chunk);
    switch (progress.kind) {
      case "more":
        break;
      case "too-long":
        this.#refuse(this.#odd("answers with an endless header", "endless-header"));
        break;
      case "not-http":
        this.#refuse(this.#explainNotHttp(progress.start));
        break;
      case "head":
        this.#takeHead(progress.head, progress.rest);
        break;
    }
  }

  #explainEnd(cause: Error | undefined): AppError {
    const said = this.#reader.start === "" ? "before it answered" : "in the middle of its answer";
    return new UnreachableError(`${this.#target.shown} closed the connection ${said}`, {
      code: "closed-in-handshake",
      hop: "proxy-tcp",
      hint: this.#target.isTls
        ? "Check the address of the relay"
        : "Check the address of the relay; one that wants TLS is written wss://",
      cause,
    });
  }

  #takeHead(head: ResponseHead, rest: Uint8Array): void {
    if (head.status === 101) {
      this.#isDone = true;
      this.#outcome.granted(head, rest);
    } else if (head.status < 200) {
      // An interim answer to a request that asked for none.
      this.#refuse(this.#odd("answers in an unknown form", "bad-handshake"));
    } else {
      this.#head = head;
      this.#timer = setTimeout(() => this.#finish(head), BODY_TIMEOUT_MS);
      this.#readBody(rest, head);
    }
  }

  #readBody(chunk: Uint8Array, head: ResponseHead): void {
    this.#body.push(chunk);
    this.#bodyBytes += chunk.length;
    const length = Number(head.headers.get("content-length") ?? Number.NaN);
    if (this.#bodyBytes >= Math.min(Number.isNaN(length) ? MAX_BODY_BYTES : length, MAX_BODY_BYTES)) this.#finish(head);
    else if (isChunked(head) && Buffer.concat(this.#body).includes("\r\n0\r\n")) this.#finish(head);
  }

  #finish(head: ResponseHead): void {
    const raw = Buffer.concat(this.#body).subarray(0, MAX_BODY_BYTES);
    const body = new TextDecoder().decode(isChunked(head) ? joinChunks(raw) : raw);
    const hide = (text: string): string => redact(text, this.#secrets);
    const headers = new Map([...head.headers].map(([name, value]) => [name, hide(value)]));
    const said = { ...head, reason: hide(head.reason), headers };
    this.#refuse(explainRefusal({ head: said, body: hide(body), shown: this.#target.shown }));
  }

  #refuse(error: AppError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#outcome.refused(error);
  }

  #odd(what: string, code: string): AppError {
    return new UnreachableError(`${this.#target.shown} ${what}`, {
      code,
      hop: "proxy-tcp",
      hint: "Check the address of the relay",
      transient: false,
    });
  }

  #explainNotHttp(start: string): AppError {
    // A TLS alert: record type 21.
    if (start.charCodeAt(0) === 21) return this.#odd("speaks TLS: write its address as wss://", "needs-tls");
    if (start.startsWith("GET ")) return this.#odd("sends back what it is sent: it is no relay", "not-http");
    return this.#odd(`does not speak HTTP: it answers "${clean(redact(start, this.#secrets))}"`, "not-http");
  }
}

function isChunked(head: ResponseHead): boolean {
  return head.headers.get("transfer-encoding")?.toLowerCase() === "chunked";
}

/** Payload of a chunked body, as far as it goes. */
function joinChunks(raw: Buffer): Buffer {
  const parts: Buffer[] = [];
  let offset = 0;
  while (offset < raw.length) {
    const lineEnd = raw.indexOf("\r\n", offset);
    const size = Number.parseInt(raw.toString("latin1", offset, lineEnd === -1 ? offset : lineEnd), 16);
    if (lineEnd === -1 || !(size > 0)) break;
    parts.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size));
    offset = lineEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
