// Tunnels through an HTTP proxy with CONNECT (RFC 9110, section 9.3.6): EDGE, squid, tinyproxy, Apache and the like.
import { type Endpoint, formatEndpoint, formatHost, parseEndpoint } from "../../domain/endpoint.ts";
import { TimeoutError, UnreachableError, UsageError } from "../../domain/errors.ts";
import type { Route, Via } from "../../domain/route.ts";
import { Secret } from "../../domain/secret.ts";
import { withDeadline } from "../../streams/deadline.ts";
import type { RewindableStream } from "../../streams/inbound-stream.ts";
import { RecentConnects } from "../../streams/recent-connects.ts";
import { connectTcp } from "../../streams/tcp-connect.ts";
import { connectTls } from "../../streams/tls.ts";
import type { Dialer, DialOptions, Transport } from "../transport.ts";
import { type Asked, foreignReplyError, refusalError } from "./reply-error.ts";
import { ReplyHeadReader } from "./reply-head.ts";
import { renderRequest } from "./request.ts";

/** Dials through the proxy that `route.via` names, in plain text or over TLS. */
export const httpConnect: Transport = { name: "http-connect", open };

type Proxy = { readonly endpoint: Endpoint; readonly isTls: boolean; readonly via: Via };

function open(route: Route): Dialer {
  const proxy = parseProxy(route.via);
  const recent = new RecentConnects();
  return {
    dial: (port, options) => dial(proxy, { host: route.host, port }, options, recent),
    close() {},
  };
}

function parseProxy(via: Via | undefined): Proxy {
  const match = /^(https?):\/\/([^/?#]+)\/?$/i.exec(via?.url ?? "");
  if (via === undefined || match === null) {
    throw new UsageError(`Cannot read the proxy's address "${via?.url ?? ""}"`, {
      hint: "Write it as http://proxy.example:3128 or https://proxy.example:443",
    });
  }
  const isTls = match[1]?.toLowerCase() === "https";
  const endpoint = parseEndpoint(match[2] ?? "", "the proxy's address", isTls ? 443 : 80);
  return { endpoint, isTls, via };
}

async function dial(
  proxy: Proxy,
  target: Endpoint,
  options: DialOptions,
  recent: RecentConnects,
): Promise<RewindableStream> {
  const startedMs = performance.now();
  const wanted = `${formatHost(target.host)}:${target.port}`;
  const headers = (await proxy.via.headers?.({ method: "CONNECT", target: wanted, host: wanted })) ?? {};
  const request = renderRequest(wanted, headers);
  const asked: Asked = { proxy: formatEndpoint(proxy.endpoint), target: wanted, secrets: secretsOf(headers) };
  const stream = await connectProxy(proxy, options, recent);
  const onTimeout = (): TimeoutError =>
    new TimeoutError(`Proxy ${asked.proxy} did not answer within ${options.timeoutMs} ms`, {
      code: "proxy-silent",
      hop: "proxy-tcp",
      hint: "Check the proxy's address, or that the run's port answers at all",
    });
  const timeoutMs = Math.max(options.timeoutMs - (performance.now() - startedMs), 1);
  try {
    await withDeadline({ signal: options.signal, timeoutMs, onTimeout }, (signal) =>
      negotiate(stream, request, asked, signal),
    );
    return stream;
  } catch (error) {
    // A reset: after a mere end, many proxies would go on trying to reach the run.
    stream.destroy(error instanceof Error ? error : new Error("Given up", { cause: error }));
    throw error;
  }
}

/** Header values, whole and word by word: `Basic` is no secret, what follows it is. */
function secretsOf(headers: Readonly<Record<string, string>>): readonly Secret[] {
  return Object.values(headers).flatMap((value) =>
    [value, ...value.split(" ").slice(1)].map((text) => new Secret(text)),
  );
}

function connectProxy(proxy: Proxy, limits: DialOptions, recent: RecentConnects): Promise<RewindableStream> {
  const { signal, timeoutMs } = limits;
  const options = { signal, timeoutMs, hop: "proxy-tcp", canHalfClose: false } as const;
  if (!proxy.isTls) return connectTcp(proxy.endpoint, { ...options, recent });
  return connectTls(proxy.endpoint, { ...options, tls: proxy.via.tls ?? { verify: true } });
}

/** Sends the request and waits for the end of a good reply's head; what follows it stays in the paused stream. */
function negotiate(stream: RewindableStream, request: Uint8Array, asked: Asked, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new ReplyHeadReader();
    const closedError = (cause?: Error): UnreachableError =>
      new UnreachableError(`Proxy ${asked.proxy} closed the connection instead of answering`, {
        code: "proxy-closed",
        hop: "proxy-tcp",
        hint: "Check that the address is that of an HTTP proxy",
        cause,
      });
    let unsent = request;
    const send = (): void => {
      unsent = unsent.subarray(stream.write(unsent));
    };
    stream.attach({
      onData: (chunk) => {
        const progress = reader.add(chunk);
        if (progress.kind === "incomplete") return;
        stream.pause();
        if (progress.kind === "foreign") reject(foreignReplyError(progress.start, asked));
        else if (progress.kind === "too-long") reject(tooLongError(asked));
        else if (progress.head.status < 200 || progress.head.status > 299) reject(refusalError(progress.head, asked));
        else {
          stream.unread(progress.head.rest);
          resolve();
        }
      },
      onDrain: send,
      onEnd: () => reject(closedError()),
      onClose: (error) => reject(closedError(error)),
    });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    send();
  });
}

function tooLongError(asked: Asked): UnreachableError {
  return new UnreachableError(`The reply of proxy ${asked.proxy} does not end`, {
    code: "proxy-not-http",
    hop: "proxy-tcp",
    hint: "Check the proxy's address and port",
  });
}
