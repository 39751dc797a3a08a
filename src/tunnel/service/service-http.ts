// Health, metrics and a status page of a supervisor on a port, where the file asks for one.
import { type Endpoint, formatEndpoint, formatHost, isIpAddress } from "../../domain/endpoint.ts";
import { ConflictError, errorMessage } from "../../domain/errors.ts";
import { renderMetrics } from "./service-metrics.ts";
import { healthJson, isWell, type ReportedTunnel, renderHealth, renderPage } from "./service-report.ts";

/** What the pages show. */
export type ServiceHttpOptions = {
  readonly listen: Endpoint;
  readonly file: string;
  readonly startedAt: number;
  /** All tunnels with their figures as they are now. */
  readonly collect: () => Promise<readonly ReportedTunnel[]>;
};

/** A listening server; whoever started it closes it. */
export type ServiceHttp = { readonly url: string; close(): void };

/** Listens. Throws ConflictError when the port is taken. */
export function startServiceHttp(options: ServiceHttpOptions): ServiceHttp {
  const { host, port } = options.listen;
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      fetch: (request) => answer(request, options),
      error: () => new Response("Internal error\n", { status: 500 }),
    });
    return {
      url: `http://${formatHost(host)}:${server.port}/`,
      close: () => void server.stop(true),
    };
  } catch (error) {
    throw new ConflictError(
      `Cannot serve the status page on ${formatEndpoint(options.listen)}: ${errorMessage(error)}`,
      {
        code: "listen-taken",
        hint: "Choose another port for the field listen of [service]",
        transient: true,
        cause: error,
      },
    );
  }
}

async function answer(request: Request, options: ServiceHttpOptions): Promise<Response> {
  const url = new URL(request.url);
  // A page of the web whose name was made to lead here must not read ours.
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host !== "localhost" && !isIpAddress(host)) return text("Only by address or as localhost\n", 403);
  if (request.method !== "GET" && request.method !== "HEAD") return text("Only GET\n", 405);
  const path = url.pathname;
  if (path === "/") return html(renderPage(await options.collect(), options.file));
  if (path === "/metrics") {
    const metrics = renderMetrics(await options.collect(), options.startedAt);
    return new Response(metrics, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  }
  if (path === "/healthz") {
    const { body, ok } = renderHealth(await options.collect());
    return json(body, ok);
  }
  if (path.startsWith("/healthz/")) return answerOne(path.slice("/healthz/".length), options);
  return text("There are /, /healthz, /healthz/NAME and /metrics\n", 404);
}

async function answerOne(encodedName: string, options: ServiceHttpOptions): Promise<Response> {
  const name = decode(encodedName);
  const found = (await options.collect()).find(({ tunnel }) => tunnel.entry === name);
  if (found === undefined) return text(`There is no tunnel "${name}"\n`, 404);
  return json(`${JSON.stringify(healthJson(found))}\n`, isWell(found));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function text(body: string, status: number): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}

function json(body: string, ok: boolean): Response {
  return new Response(body, { status: ok ? 200 : 503, headers: { "content-type": "application/json" } });
}

function html(body: string): Response {
  return new Response(body, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    },
  });
}
