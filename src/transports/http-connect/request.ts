// Renders the CONNECT request.
import { UsageError } from "../../domain/errors.ts";

/** Request head as bytes. `target` is `host:port`. Throws UsageError for a header that would forge others. */
export function renderRequest(target: string, headers: Readonly<Record<string, string>>): Uint8Array {
  const lines = [`CONNECT ${checkText("the target", target)} HTTP/1.1`, `Host: ${target}`];
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
      throw new UsageError("A header for the proxy has a name no header can have");
    lines.push(`${name}: ${checkText(`header ${name}`, value)}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** The value itself is not told: it may be secret. */
function checkText(what: string, text: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) return text;
  throw new UsageError(`Cannot ask the proxy: ${what} holds characters that a request cannot carry`, {
    code: "request-unsendable",
    hop: "proxy-tcp",
  });
}
