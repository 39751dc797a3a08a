// The bytes with which EDGE answers, as nginx and its CONNECT module write them.

/** The answer to a CONNECT that worked, also to an HTTP/1.0 request. */
export const ESTABLISHED = "HTTP/1.1 200 Connection Established\r\nProxy-agent: nginx\r\n\r\n";

/** Statuses with which EDGE refuses. */
export type RefusalStatus = keyof typeof REASONS;

const REASONS = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  // nginx knows no text for 407: the status line ends in a blank.
  407: "",
  500: "Internal Server Error",
  502: "Bad Gateway",
  504: "Gateway Time-out",
  505: "HTTP Version Not Supported",
} as const;

const SERVER = "openresty/1.15.8.1";

/** Whether the number is one that `formatRefusal` knows. */
export function isRefusalStatus(status: number): status is RefusalStatus {
  return status in REASONS;
}

/** A whole refusal: head and page. 407 has no page, and names the way to log in. */
export function formatRefusal(status: RefusalStatus, now: Date): string {
  const page = status === 407 ? "" : formatErrorPage(`${status} ${REASONS[status]}`);
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    `Server: ${SERVER}`,
    `Date: ${now.toUTCString()}`,
    ...(page === "" ? [] : ["Content-Type: text/html"]),
    `Content-Length: ${page.length}`,
    "Connection: close",
    ...(status === 407 ? ['Proxy-Authenticate: Basic realm="Cloud Pipeline EDGE"'] : []),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${page}`;
}

function formatErrorPage(title: string): string {
  return [
    "<html>",
    `<head><title>${title}</title></head>`,
    "<body>",
    `<center><h1>${title}</h1></center>`,
    `<hr><center>${SERVER}</center>`,
    "</body>",
    "</html>",
    "",
  ].join("\r\n");
}
