// A login at the web UI, as it is kept between calls. Pure: the caller stores the text, mode 0600.
import * as v from "valibot";
import { UsageError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { SettingValue } from "../../domain/setting.ts";

/** A login at the web UI. */
export type WebSession = {
  /** Origin of the web UI that gave it; it counts nowhere else. */
  readonly endpoint: string;
  readonly user: string;
  readonly sessionId: Secret;
  /** Key pair that the web UI signs with. */
  readonly accessKey: string | undefined;
  /** Milliseconds since 1970, where the web UI said; it may end earlier. */
  readonly expiresAt: number | undefined;
};

const schema = v.object({
  version: v.literal(1),
  endpoint: v.string(),
  user: v.string(),
  session: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/), v.maxLength(4096)),
  accessKey: v.optional(v.string()),
  expiresAt: v.optional(v.number()),
});

/** Text for the file that keeps the login; it is as secret as a password. */
export function encodeWebSession(session: WebSession): Secret {
  const { endpoint, user, sessionId, accessKey, expiresAt } = session;
  return new Secret(
    `${JSON.stringify({ version: 1, endpoint, user, session: sessionId.reveal(), accessKey, expiresAt })}\n`,
  );
}

/** Reads the text back. Throws UsageError naming the source, never showing the text. */
export function decodeWebSession(stored: SettingValue): WebSession {
  const result = v.safeParse(schema, parseJson(stored.value));
  if (!result.success) {
    throw new UsageError(`The stored Backend.AI login given by ${stored.source} cannot be read`, {
      code: "bad-login-file",
      hint: "Log in again",
    });
  }
  const { endpoint, user, session, accessKey, expiresAt } = result.output;
  return { endpoint, user, sessionId: new Secret(session), accessKey, expiresAt };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
