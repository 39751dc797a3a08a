// Logins at the simulated web UI: cookie and header, encrypted bodies, the second factor, expiry on demand.
import { createDecipheriv, randomBytes } from "node:crypto";
import { type Answer, BAD_PARAMS, json, problem, UNAUTHORIZED } from "./answers.ts";
import type { Release } from "./releases.ts";

/** The user of the web UI. */
export type WebUser = {
  readonly user: string;
  readonly password: string;
  readonly accessKey: string;
  /** Code of the second factor, where the user has one. */
  readonly otp?: string | undefined;
};

type Headers = Readonly<Record<string, string | undefined>>;

/** Sessions last a week unless ended. */
const MAX_AGE_S = 604_800;

/** All logins. */
export class WebLogins {
  readonly #user: WebUser;
  readonly #release: () => Release;
  readonly #ids = new Set<string>();
  /** Wanted from everybody who logs in from now on. */
  otp: string | undefined;

  constructor(user: WebUser, release: () => Release) {
    this.#user = user;
    this.#release = release;
    this.otp = user.otp;
  }

  /** Ends every login, as time does. */
  expireAll(): void {
    this.#ids.clear();
  }

  /** The access key of the login that a request carries; the header wins over the cookie. */
  findAccessKey(headers: Headers): string | undefined {
    const cookie = /(?:^|;\s*)AIOHTTP_SESSION=([^;]+)/.exec(headers["cookie"] ?? "")?.[1];
    const id = headers["x-backendai-sessionid"] ?? cookie;
    return id !== undefined && this.#ids.has(id) ? this.#user.accessKey : undefined;
  }

  /** Answers the calls below `/server`. */
  answer(path: string, headers: Headers, body: string, scheme: string): Answer {
    switch (path) {
      case "/server/login":
        return this.#login(headers, body, scheme);
      case "/server/login-check": {
        const isIn = this.findAccessKey(headers) !== undefined;
        return json({ authenticated: isIn, data: isIn ? this.#account() : null, session_id: null });
      }
      case "/server/logout":
        if (this.findAccessKey(headers) === undefined) return problem(UNAUTHORIZED);
        this.#ids.delete(headers["x-backendai-sessionid"] ?? "");
        return json({});
      case "/server/extend-login-session":
        if (this.findAccessKey(headers) === undefined) return problem(UNAUTHORIZED);
        return json({ status: 201, expires: new Date(Date.now() + MAX_AGE_S * 1000).toISOString() });
      default:
        return { status: 404, headers: { "Content-Type": "text/plain" }, body: "404: Not Found" };
    }
  }

  #login(headers: Headers, body: string, scheme: string): Answer {
    if (this.findAccessKey(headers) !== undefined)
      return problem({ ...BAD_PARAMS, msg: "You have already logged in." });
    const credentials = readCredentials(headers, body, scheme);
    if (credentials === undefined) return problem(BAD_PARAMS);
    if (credentials.username !== this.#user.user || credentials.password !== this.#user.password) {
      return this.#refuse("auth-failed", "Credential/signature mismatch.", "User credential mismatch.");
    }
    if (this.otp !== undefined && credentials.otp === undefined) {
      return this.#refuse("require-totp-authentication", "TOTP authentication required.", "OTP not provided");
    }
    if (this.otp !== undefined && credentials.otp !== this.otp) {
      return this.#refuse("rejected-totp", "TOTP rejected.", "Invalid TOTP code provided");
    }
    const id = randomBytes(16).toString("hex");
    this.#ids.add(id);
    return json(
      { authenticated: true, data: this.#account() },
      {
        "Set-Cookie": `AIOHTTP_SESSION=${id}; HttpOnly; Max-Age=${MAX_AGE_S}; Path=/; SameSite=Lax`,
        "X-BackendAI-SessionID": id,
      },
    );
  }

  #refuse(type: string, title: string, details: string): Answer {
    const body = { authenticated: false, data: { type: `https://api.backend.ai/probs/${type}`, title, details } };
    return json(body, {}, this.#release().loginStatus === "200" ? 200 : 401);
  }

  #account(): { readonly access_key: string; readonly role: string; readonly status: string } {
    return { access_key: this.#user.accessKey, role: "user", status: "active" };
  }
}

type Credentials = {
  readonly username: unknown;
  readonly password: unknown;
  readonly otp: unknown;
};

function readCredentials(headers: Headers, body: string, scheme: string): Credentials | undefined {
  const isEncoded = headers["x-backendai-encoded"] === "true";
  const text = isEncoded ? decryptBody(body, `${scheme}://${headers["host"] ?? ""}`) : body;
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value !== "object" || value === null) return undefined;
    return {
      username: Reflect.get(value, "username"),
      password: Reflect.get(value, "password"),
      otp: Reflect.get(value, "otp"),
    };
  } catch {
    return undefined;
  }
}

/** Undoes what official clients do to bodies over plain HTTP; undefined where the key does not fit. */
function decryptBody(body: string, endpoint: string): string | undefined {
  const [iv = "", data = ""] = body.split(":", 2);
  const key = (Buffer.from(endpoint).toString("base64") + iv + iv).slice(0, 32);
  try {
    const decipher = createDecipheriv("aes-256-cbc", Buffer.from(key), Buffer.from(iv));
    return Buffer.concat([decipher.update(Buffer.from(data, "base64")), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
