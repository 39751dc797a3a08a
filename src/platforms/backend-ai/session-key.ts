// The private key that a session keeps in /home/work/id_container: fetched from any server release, cleaned, checked.
import { AppError, AuthError, NotFoundError, UnreachableError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { ApiCall, BackendAiApi } from "./api.ts";
import type { FoundSession } from "./sessions.ts";

/** What came of asking for a session's key. */
export type SessionKey =
  | { readonly kind: "key"; readonly privateKey: Secret }
  | { readonly kind: "missing"; readonly reason: string };

const KEY_FILE = "/home/work/id_container";

/** What to do instead; the password is made anew with each session. */
export const WITHOUT_KEY_HINT =
  "Give your own key with -i, or log in as work with the password that the session keeps in /home/work/.password";

/** Fetches the key. A missing file is an answer; refusals and network faults are thrown. */
export async function fetchSessionKey(api: BackendAiApi, session: FoundSession): Promise<SessionKey> {
  const { name } = session;
  const text = await downloadFile(api, session, KEY_FILE);
  if (text === undefined) {
    return {
      kind: "missing",
      reason: `Session "${name}" has no id_container: its .ssh folder comes from elsewhere, or its image makes none`,
    };
  }
  const privateKey = extractPrivateKey(text);
  if (privateKey !== undefined) return { kind: "key", privateKey: new Secret(privateKey) };
  return { kind: "missing", reason: `The id_container of session "${name}" holds no private key` };
}

/** The PEM block in a text: some releases put other bytes before it. */
export function extractPrivateKey(text: string): string | undefined {
  const block = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(text)?.[0];
  return block === undefined ? undefined : `${block.replaceAll("\r\n", "\n")}\n`;
}

/**
 * Downloads one small file of the session; undefined where there is none. Releases differ in the verb (GET up to 23.09)
 * and in where they look for the file's name (query or body), so the name goes into both.
 * Each form is tried once: a 500 here is more often a missing file than a passing fault.
 */
async function downloadFile(api: BackendAiApi, { id, name }: FoundSession, file: string): Promise<string | undefined> {
  const path = `/session/${encodeURIComponent(id ?? name)}/download_single?file=${encodeURIComponent(file)}`;
  const action = `Cannot fetch "${file}" of session "${name}"`;
  const newest: ApiCall = { action, method: "POST", path, json: { file }, repeatable: false, asText: true };
  const oldest: ApiCall = { action, path, repeatable: false, asText: true };
  const first = await attempt(api, newest);
  if (first.kind === "text") return first.text;
  if (first.kind === "missing") return undefined;
  const second = await attempt(api, oldest);
  return second.kind === "text" ? second.text : undefined;
}

type Attempt =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "missing" }
  | { readonly kind: "unknown-call" };

async function attempt(api: BackendAiApi, call: ApiCall): Promise<Attempt> {
  try {
    const { body } = await api.call(call);
    return typeof body === "string" ? { kind: "text", text: body } : { kind: "missing" };
  } catch (error) {
    if (!(error instanceof AppError) || error instanceof AuthError) throw error;
    if (error instanceof NotFoundError) return { kind: "unknown-call" };
    if (error.exitCode === 2) return { kind: "missing" };
    // Agents' errors are not always mapped: a missing file may be a 500.
    if (error instanceof UnreachableError && error.code === "server-error") return { kind: "missing" };
    throw error;
  }
}
