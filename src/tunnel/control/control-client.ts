// A command's side of the control channel.
import type { ByteStream } from "../../domain/byte-stream.ts";
import { UnreachableError } from "../../domain/errors.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import { LineReader } from "./control-lines.ts";
import {
  type ControlReply,
  type ControlRequest,
  decodeReply,
  encodeRequest,
  type TunnelStatus,
} from "./control-protocol.ts";

/** Where a tunnel's control channel is. */
export type ControlAddress = { readonly port: number; readonly token: string };

/** A live process answers on loopback in well under a millisecond; a stopped one (SIGSTOP) never does. */
const STATUS_TIMEOUT_MS = 1000;

/** The tunnel's figures, or undefined when its process does not answer in time. */
export async function fetchStatus(
  address: ControlAddress,
  signal: AbortSignal,
  options: { readonly history?: boolean } = {},
): Promise<TunnelStatus | undefined> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(STATUS_TIMEOUT_MS)]);
  try {
    let status: TunnelStatus | undefined;
    await askControl(address, { kind: "status", ...options }, bounded, (reply) => {
      if (reply.kind !== "status") return false;
      status = reply.status;
      return true;
    });
    return status;
  } catch {
    return undefined;
  }
}

/** Sends a request and feeds replies to `onReply` until it returns true. Rejects when the channel closes before that. */
export async function askControl(
  address: ControlAddress,
  request: ControlRequest,
  signal: AbortSignal,
  onReply: (reply: ControlReply) => boolean,
): Promise<void> {
  const endpoint = { host: "127.0.0.1", port: address.port };
  const stream = await connectTcp(endpoint, { signal, timeoutMs: STATUS_TIMEOUT_MS, hop: "local-port" });
  try {
    await converse(stream, encodeRequest(address.token, request), signal, onReply);
  } finally {
    stream.destroy();
  }
}

function converse(
  stream: ByteStream,
  question: string,
  signal: AbortSignal,
  onReply: (reply: ControlReply) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void =>
      reject(new UnreachableError("The tunnel closed its control channel", { code: "control-closed" }));
    const lines = new LineReader((line) => {
      try {
        if (onReply(decodeReply(line))) resolve();
      } catch (error) {
        reject(error);
      }
    }, closed);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    stream.attach({
      onData: (chunk) => lines.push(chunk),
      onDrain: () => undefined,
      onEnd: closed,
      onClose: closed,
    });
    stream.write(Buffer.from(question));
  });
}
