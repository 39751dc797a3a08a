// Who may use the page: one-time tokens, exchanged for a session that has two halves. The cookie cannot be read by scripts,
// but a browser sends it to every port of this machine; the key stays with the page's own origin. Only both together count.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** A session as the browser gets it. */
export type UiSession = { readonly cookie: string; readonly key: string };

const SECRET_BYTES = 32;

/** Links that were made and not used, and browsers that are let in: more than anybody has, and an end to what is kept. */
const MAX_KEPT = 64;

/** Tokens and sessions of one server, in memory alone: they end with it. */
export class UiSessions {
  readonly #tokens = new Map<string, () => void>();
  readonly #sessions = new Map<string, string>();

  /** Makes a token that works once. `onRedeemed` is called when somebody used it. */
  issueToken(onRedeemed: () => void = () => undefined): string {
    const token = secret();
    keep(this.#tokens, digest(token), onRedeemed);
    return token;
  }

  /** Exchanges a token for a session; undefined when it is unknown or used up. */
  redeem(token: string): UiSession | undefined {
    const id = digest(token);
    const onRedeemed = this.#tokens.get(id);
    if (onRedeemed === undefined) return undefined;
    this.#tokens.delete(id);
    const session = { cookie: secret(), key: secret() };
    keep(this.#sessions, digest(session.cookie), digest(session.key));
    onRedeemed();
    return session;
  }

  /** Whether both halves belong to one session. */
  isValid(cookie: string | undefined, key: string | undefined): boolean {
    if (cookie === undefined || key === undefined) return false;
    const wanted = this.#sessions.get(digest(cookie));
    return wanted !== undefined && timingSafeEqual(Buffer.from(wanted), Buffer.from(digest(key)));
  }
}

/** Secrets are looked up by their digest, so that the time of a look-up tells nothing about them. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function secret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

function keep<Value>(map: Map<string, Value>, name: string, value: Value): void {
  const oldest = map.size >= MAX_KEPT ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
  map.set(name, value);
}
