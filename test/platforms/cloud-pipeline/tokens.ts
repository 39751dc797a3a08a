// Tokens as the platform's server makes them, unsigned as far as we can tell.
import { Secret } from "../../../src/domain/secret.ts";
import { NOW } from "../platform-context.ts";

/** A JWT with these claims; the signature is made up. */
export function makeToken(claims: unknown): Secret {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return new Secret(`${part({ alg: "RS512" })}.${part(claims)}.c2lnbmF0dXJl`);
}

/** A token of this user that is good for a year. */
export function goodToken(user = "USER@corp.example"): Secret {
  return makeToken({ sub: user, jti: "1", iat: NOW / 1000, exp: NOW / 1000 + 365 * 86_400 });
}
