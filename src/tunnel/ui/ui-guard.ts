// Which requests the page's server answers at all: those that a browser sends for our own page, under our own name. Pure.
// Other pages in the same browser, names that were made to lead here (DNS rebinding) and frames are kept out.

/** The headers that every answer carries. The page loads nothing but its own files, and nobody may frame or keep it. */
export const SAFETY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-store",
};

/** Names under which a browser on this machine may ask for the page. */
const OWN_HOSTS = ["127.0.0.1", "localhost"];

/** Why a request is not answered. */
export type Refusal = { readonly status: 403 | 405 | 415 | 421; readonly message: string };

/** What the guard looks at. */
export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: { get(name: string): string | null };
};

/** Undefined when the request may be answered, by what its headers say. */
export function refuseRequest(asked: Asked, port: number): Refusal | undefined {
  const { headers, method, path } = asked;
  const host = OWN_HOSTS.find((name) => headers.get("host") === `${name}:${port}`);
  if (host === undefined) {
    return {
      status: 421,
      message: `This server answers only as ${OWN_HOSTS.map((name) => `${name}:${port}`).join(" or ")}`,
    };
  }
  if (!["GET", "HEAD", "POST"].includes(method)) return { status: 405, message: "Only GET and POST" };
  const origin = headers.get("origin");
  const isOwnOrigin = origin === `http://${host}:${port}`;
  if (origin !== null && !isOwnOrigin) return { status: 403, message: "The request comes from another page" };
  const isApi = path.startsWith("/api/");
  const site = headers.get("sec-fetch-site");
  // The page itself may be asked for from anywhere (a link, a file): it holds nothing without a session.
  const mayComeFromAfar = !isApi && headers.get("sec-fetch-dest") === "document";
  if (site !== null && site !== "same-origin" && site !== "none" && !mayComeFromAfar) {
    return { status: 403, message: "The request comes from another page" };
  }
  if (method !== "POST") return undefined;
  if (!isApi) return { status: 405, message: "Only GET" };
  if (!isOwnOrigin) return { status: 403, message: "The request does not say which page it comes from" };
  // A form of another page cannot send this type without asking first.
  if (headers.get("content-type") !== "application/json") return { status: 415, message: "Only application/json" };
  return undefined;
}

/** The value of a cookie in a Cookie header. */
export function readCookie(header: string | null, name: string): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name && value !== undefined) return value;
  }
  return undefined;
}
