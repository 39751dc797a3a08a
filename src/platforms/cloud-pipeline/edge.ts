// EDGE, the platform's HTTP CONNECT proxy: where it is and how to log in. Pure.
import { type Endpoint, formatEndpoint, MAX_PORT } from "../../domain/endpoint.ts";
import { UnreachableError, UsageError } from "../../domain/errors.ts";
import type { Via } from "../../domain/route.ts";
import { Secret } from "../../domain/secret.ts";
import { accountName, decodeToken } from "./token.ts";

/** Where the user says EDGE is; each part replaces what the platform says. */
export type EdgeOverride = { readonly host?: string; readonly port?: number };

/** Reads `CP_CLI_TUNNEL_PROXY_HOST` and `CP_CLI_TUNNEL_PROXY_PORT`. */
export function parseEdgeOverride(environment: Readonly<Record<string, string>>): EdgeOverride {
  const host = environment["CP_CLI_TUNNEL_PROXY_HOST"]?.trim().replace(/^\[(.*)\]$/, "$1") ?? "";
  const port = environment["CP_CLI_TUNNEL_PROXY_PORT"]?.trim() ?? "";
  if (/[\s/@]/.test(host)) {
    throw new UsageError(`Cannot read CP_CLI_TUNNEL_PROXY_HOST "${host}"`, { hint: "Give a host name or an address" });
  }
  if (port !== "" && !isPort(port)) {
    throw new UsageError(`Cannot read CP_CLI_TUNNEL_PROXY_PORT "${port}"`, { hint: `Give a port, 1 to ${MAX_PORT}` });
  }
  return { ...(host === "" ? {} : { host }), ...(port === "" ? {} : { port: Number(port) }) };
}

/** Path of the call that tells where EDGE is, below the API's address. */
export function edgeUrlPath(region: string | undefined): string {
  const path = "cluster/edge/externalUrl";
  return region === undefined || region === "" ? path : `${path}?region=${encodeURIComponent(region)}`;
}

/** The endpoint of EDGE. `externalUrl` is the platform's answer, undefined where it knows none. */
export function decideEdge(externalUrl: string | undefined, override: EdgeOverride, region?: string): Endpoint {
  if (override.host !== undefined && override.port !== undefined) return { host: override.host, port: override.port };
  if (externalUrl === undefined || externalUrl.trim() === "") {
    const where = region === undefined ? "" : ` in region "${region}"`;
    throw new UnreachableError(`Cloud Pipeline knows no EDGE proxy${where}`, {
      code: "no-edge",
      hop: "api",
      hint: "Check --region, use --direct from inside the cluster's network, or ask an administrator",
      transient: false,
    });
  }
  const url = URL.parse(externalUrl.trim());
  if (url === null || url.hostname === "") {
    throw new UnreachableError(`Cloud Pipeline names an EDGE proxy that cannot be read`, {
      code: "bad-edge",
      hop: "api",
      hint: "Set CP_CLI_TUNNEL_PROXY_HOST and CP_CLI_TUNNEL_PROXY_PORT",
      transient: false,
    });
  }
  const port = url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port);
  return { host: override.host ?? url.hostname.replace(/^\[(.*)\]$/, "$1"), port: override.port ?? port };
}

/** The way through EDGE with a token. CONNECT is plain text there even where the address of EDGE says https: a TLS
 * handshake on that port reaches its web server, which knows no CONNECT. */
export function edgeVia(edge: Endpoint, token: Secret): Via {
  const authorization = new Secret(`Basic ${Buffer.from(`${edgeUser(token)}:${token.reveal()}`).toString("base64")}`);
  return {
    url: `http://${formatEndpoint(edge)}`,
    headers: () => ({ "Proxy-Authorization": authorization.reveal() }),
  };
}

/** EDGE wants a name but does not look at it; a colon in it would cut the token. */
function edgeUser(token: Secret): string {
  const name = accountName(decodeToken(token)?.user ?? "").replaceAll(":", "");
  return name === "" ? "user" : name;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_PORT;
}
