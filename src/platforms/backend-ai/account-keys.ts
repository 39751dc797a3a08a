// The SSH key pair of an account at Backend.AI: new sessions get it as their id_container.
import * as v from "valibot";
import { UnreachableError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { BackendAiApi } from "./api.ts";

/** Both halves, as the server keeps them. Sessions that run already keep their keys. */
export type AccountKeyPair = { readonly publicKey: string; readonly privateKey: Secret };

const PATH = "/auth/ssh-keypair";
const publicSchema = v.object({ ssh_public_key: v.nullable(v.string()) });
const pairSchema = v.object({ ssh_public_key: v.string(), ssh_private_key: v.string() });

/** The account's public key; undefined where it has none. */
export async function findAccountPublicKey(api: BackendAiApi): Promise<string | undefined> {
  const answer = await api.call({ action: "Cannot read the account's SSH key", path: PATH });
  const decoded = v.safeParse(publicSchema, answer.body);
  if (!decoded.success) throw oddAnswer(decoded.issues[0]);
  const key = decoded.output.ssh_public_key?.trim() ?? "";
  return key === "" ? undefined : key;
}

/** Makes the server generate a new pair in place of the old one. */
export async function regenerateAccountKeys(api: BackendAiApi): Promise<AccountKeyPair> {
  const answer = await api.call({
    action: "Cannot renew the account's SSH key",
    method: "PATCH",
    path: PATH,
    json: {},
    repeatable: false,
  });
  return takePair(answer.body);
}

/** Gives the account a pair of the user's own; the server wants the private half too. */
export async function uploadAccountKeys(api: BackendAiApi, pair: AccountKeyPair): Promise<AccountKeyPair> {
  const answer = await api.call({
    action: "Cannot upload the account's SSH key",
    method: "POST",
    path: PATH,
    json: { pubkey: pair.publicKey, privkey: pair.privateKey.reveal() },
    repeatable: true,
  });
  return takePair(answer.body);
}

function takePair(body: unknown): AccountKeyPair {
  const decoded = v.safeParse(pairSchema, body);
  if (!decoded.success) throw oddAnswer(decoded.issues[0]);
  return { publicKey: decoded.output.ssh_public_key, privateKey: new Secret(decoded.output.ssh_private_key) };
}

function oddAnswer(issue: { readonly message: string }): UnreachableError {
  return new UnreachableError("Backend.AI answered a question about the account's SSH key in an unknown form", {
    code: "odd-answer",
    hop: "api",
    transient: false,
    cause: new Error(issue.message),
  });
}
