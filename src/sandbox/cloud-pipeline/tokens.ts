// Access tokens of the sandbox: real RS512 JWTs with the claims of the platform's own, signed by a key made at start.
import { generateKeyPair, type KeyObject, randomUUID, sign, verify } from "node:crypto";
import { promisify } from "node:util";

/** Somebody who may ask the API. */
export type SandboxUser = {
  readonly id: number;
  readonly name: string;
  readonly admin: boolean;
  readonly groups: readonly string[];
  readonly roles: readonly { readonly id: number; readonly name: string }[];
};

/** What a look at a token found. */
export type TokenVerdict =
  | { readonly kind: "valid"; readonly user: string; readonly expiresAtMs: number }
  | { readonly kind: "refused"; readonly reason: "malformed" | "signature" | "expired" };

type Claims = { readonly sub: string; readonly jti: string; readonly exp: number };

/** Issues and checks tokens. API and EDGE each check by themselves, with the same key, as on a real deployment. */
export class TokenMint {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #now: () => number;
  readonly #issued = new Set<string>();
  readonly #expired = new Set<string>();

  private constructor(privateKey: KeyObject, publicKey: KeyObject, now: () => number) {
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
    this.#now = now;
  }

  /** Makes the signing key. */
  static async create(now: () => number): Promise<TokenMint> {
    const { privateKey, publicKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
    return new TokenMint(privateKey, publicKey, now);
  }

  /** A new token; a negative lifetime gives one that has already expired. */
  issue(user: SandboxUser, lifetimeMs: number): string {
    const issuedAt = Math.floor(this.#now() / 1000);
    const jti = randomUUID();
    const claims = {
      sub: user.name,
      jti,
      iat: issuedAt,
      exp: issuedAt + Math.ceil(lifetimeMs / 1000),
      user_id: user.id,
      org_unit_id: "",
      groups: user.groups,
      roles: user.roles.map((role) => role.name),
    };
    this.#issued.add(jti);
    const text = `${encodeJson({ alg: "RS512" })}.${encodeJson(claims)}`;
    return `${text}.${sign("sha512", Buffer.from(text), this.#privateKey).toString("base64url")}`;
  }

  /** Checks signature, claims and expiry. */
  check(token: string): TokenVerdict {
    const [header, payload, signature, ...rest] = token.split(".");
    if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
      return { kind: "refused", reason: "malformed" };
    }
    const claims = decodeClaims(payload);
    if (claims === undefined || decodeJson(header)?.["alg"] !== "RS512")
      return { kind: "refused", reason: "malformed" };
    const text = Buffer.from(`${header}.${payload}`);
    if (!verify("sha512", text, this.#publicKey, Buffer.from(signature, "base64url"))) {
      return { kind: "refused", reason: "signature" };
    }
    const expiresAtMs = claims.exp * 1000;
    if (expiresAtMs <= this.#now() || this.#expired.has(claims.jti)) return { kind: "refused", reason: "expired" };
    return { kind: "valid", user: claims.sub, expiresAtMs };
  }

  /** From now on every token issued so far counts as expired, as if time had passed. */
  expireAll(): void {
    for (const jti of this.#issued) this.#expired.add(jti);
    this.#issued.clear();
  }
}

function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decodeJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The server refuses tokens without `jti` or `sub`. */
function decodeClaims(text: string): Claims | undefined {
  const claims = decodeJson(text);
  const { sub, jti, exp } = claims ?? {};
  if (typeof sub !== "string" || typeof jti !== "string" || typeof exp !== "number") return undefined;
  return sub === "" || jti === "" ? undefined : { sub, jti, exp };
}
