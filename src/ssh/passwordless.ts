// Passwordless SSH told as one story: a key, the accounts that let it in, a first login with it, the clients that learn of
// the host. Every step is written into the journal before it is taken; undo-passwordless.ts takes them back.
import { AppError, AuthError, errorMessage, UsageError } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";
import type { SshLogin } from "../domain/route.ts";
import { Secret } from "../domain/secret.ts";
import { type AuthorisedKey, addAuthorisedKey } from "./authorized-keys-setup.ts";
import type { ClientContext, SshClient, SshHost } from "./clients/client.ts";
import { formatAuthorizedKey, type KeyTag } from "./formats/authorized-keys.ts";
import type { HostKey } from "./formats/host-key.ts";
import type { PrivateKey } from "./formats/key-material.ts";
import { formatPrivateKey, generateKeyPair, parsePrivateKey, publicKeyLine } from "./formats/private-key.ts";
import { checkAlias } from "./formats/ssh-config.ts";
import { type Identity, readIdentity } from "./identity.ts";
import type { JournalEntry } from "./journal.ts";
import { newKeyFiles, writeKeyFiles, writePpkFile } from "./key-files.ts";
import { type LoginPlan, planLogin, type SshAccessGiven } from "./login-plan.ts";
import { remoteKeyEntry } from "./remote/remote-entry.ts";
import type { ConnectShell } from "./remote/remote-shell.ts";

/** What is asked for. */
export type PasswordlessOptions = {
  readonly alias: string;
  /** Goes into the tag of the line on the run; `id` is the tunnel's own. */
  readonly tag: KeyTag;
  /** Local end of the tunnel to the run's SSH port. */
  readonly address: string;
  readonly port: number;
  readonly sshFolder: string;
  /** Accounts to authorise as the user named them; empty: the platform's choice. */
  readonly accounts: readonly string[];
  readonly access: SshAccessGiven;
  /** Absolute path of a key of the user's own. */
  readonly identity?: string;
};

/** What the steps may reach. */
export type PasswordlessContext = ClientContext & {
  readonly clients: readonly SshClient[];
  readonly connect: ConnectShell;
  /** Name of the user we run as. */
  readonly userName: string;
  /** Writes a step down; awaited before the step is taken. */
  readonly journal: (entry: JournalEntry) => Promise<void>;
  readonly log: Log;
  readonly signal: AbortSignal;
};

/** What came of it. */
export type PasswordlessResult = {
  readonly alias: string;
  /** Accounts that let the key in; the first is the alias's own. */
  readonly users: readonly string[];
  readonly identityFile: string;
  readonly ppkFile?: string;
  readonly hostKeys: readonly HostKey[];
  /** Names of the clients that know the alias now. */
  readonly clients: readonly string[];
  /** For the user: what works less well than it could. */
  readonly notes: readonly string[];
};

/** A key in its files, and how to log in with it. */
type KeyInPlace = {
  readonly publicKey: string;
  /** Absent where only the user knows the passphrase. */
  readonly key?: PrivateKey;
  readonly identityFile: string;
  readonly ppkFile?: string;
};

/** Sets passwordless SSH up. On failure the journal holds what was begun: the caller undoes it. */
export async function setUpPasswordless(
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<PasswordlessResult> {
  checkAlias(options.alias);
  const plan = planLogin(options.access, options.accounts, options.identity !== undefined);
  const { key, remote } = await authorise(plan, options, context);
  const { told, notes } = await tellClients(toHost(plan, key, remote, options), context);
  return {
    alias: options.alias,
    users: plan.accounts,
    identityFile: key.identityFile,
    ...(key.ppkFile === undefined ? {} : { ppkFile: key.ppkFile }),
    hostKeys: remote.hostKeys,
    clients: told,
    notes: [...remote.notes, ...notes],
  };
}

type Authorised = { readonly key: KeyInPlace; readonly remote: AuthorisedKey };

async function authorise(
  plan: LoginPlan,
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<Authorised> {
  if (options.identity !== undefined) {
    const identity = await readIdentity(options.identity, context.system);
    return await admit(plan, await placeIdentity(identity, options, context), options, context);
  }
  if (plan.kind === "ready") {
    const key = parsePrivateKey(plan.login.privateKey?.reveal() ?? "", plan.login.passphrase?.reveal());
    return await admit(plan, await placeKey(key, options, context), options, context);
  }
  try {
    return await admit(plan, await placeNewKey("ed25519", options, context), options, context);
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== KEY_REFUSED) throw error;
    // Servers of before 2014, and those that are told to, know no ed25519.
    context.log.info("The run refuses an ed25519 key, trying RSA", { reason: errorMessage(error) });
    return await admit(plan, await placeNewKey("rsa", options, context), options, context);
  }
}

/** Code of a login that the server answered with no, as connections report it. */
const LOGIN_REFUSED = "ssh-login-refused";

/** Code of the refusal of a key that was just authorised. */
const KEY_REFUSED = "key-refused";

/** Lets the key in where that is ours to do, and proves it by a first login. */
async function admit(
  plan: LoginPlan,
  key: KeyInPlace,
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<Authorised> {
  if (plan.kind !== "administrator") return { key, remote: await firstLogin(plan, key, options, context) };
  const shell = await context.connect(plan.login, context.signal);
  let remote: AuthorisedKey;
  try {
    const line = formatAuthorizedKey(key.publicKey, options.tag, shell.banner);
    const job = { accounts: plan.accounts, line, system: options.access.system };
    await context.journal(remoteKeyEntry(job));
    remote = await addAuthorisedKey(shell, { ...job, signal: context.signal });
  } finally {
    shell.close();
  }
  if (key.key === undefined) return { key, remote };
  await proveLogin(plan.accounts[0], key.key, remote, context);
  return { key, remote };
}

/** The login that the user will make, made once now: what fails here would fail there, without a word why. */
async function proveLogin(
  user: string,
  key: PrivateKey,
  remote: AuthorisedKey,
  context: PasswordlessContext,
): Promise<void> {
  const hostKeys = remote.hostKeys.map(({ base64 }) => base64);
  const login: SshLogin = { user, privateKey: new Secret(formatPrivateKey(key, "openssh")), hostKeys };
  try {
    (await context.connect(login, context.signal)).close();
  } catch (cause) {
    if (!(cause instanceof AuthError) || cause.code !== LOGIN_REFUSED) throw cause;
    throw new AuthError(`The run refuses our key for account "${user}" although it was authorised`, {
      code: KEY_REFUSED,
      hop: "ssh-key",
      hint: remote.notes[0] ?? "Look into the log of the run's SSH server; it may read keys from another file",
      cause,
    });
  }
}

/** A login that works already: nothing changes on the run, it only tells its host keys. */
async function firstLogin(
  plan: LoginPlan,
  key: KeyInPlace,
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<AuthorisedKey> {
  if (key.key === undefined) {
    throw new UsageError(`Key file "${key.identityFile}" is protected by a passphrase`, {
      code: "passphrase-needed",
      hop: "ssh-key",
      hint: 'Use a key without one, or make a copy without one: "runtunnel key convert"',
    });
  }
  const privateKey = new Secret(formatPrivateKey(key.key, "openssh"));
  const { hostKeys } = plan.login;
  const login = { user: plan.accounts[0], privateKey, ...(hostKeys === undefined ? {} : { hostKeys }) };
  const shell = await context.connect(login, context.signal);
  try {
    const { system } = options.access;
    return await addAuthorisedKey(shell, { accounts: [], line: "", system, signal: context.signal });
  } finally {
    shell.close();
  }
}

async function placeNewKey(
  kind: "ed25519" | "rsa",
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<KeyInPlace> {
  return await placeKey(await generateKeyPair(kind, options.alias), options, context);
}

async function placeKey(
  key: PrivateKey,
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<KeyInPlace> {
  const files = newKeyFiles(context.keyFolder, options.alias);
  await writeKeyFiles(context.keyFolder, files, key, context);
  return { ...files, key, publicKey: publicKeyLine(key, "") };
}

/** The user's own file stays where it is; only what a client cannot read is made anew, in our folder. */
async function placeIdentity(
  identity: Identity,
  options: PasswordlessOptions,
  context: PasswordlessContext,
): Promise<KeyInPlace> {
  const { isForOpenssh, isPpk, key, path, publicKey } = identity;
  if (key === undefined) return { publicKey, identityFile: path };
  if (!isForOpenssh) {
    const made = await placeKey(key, options, context);
    return isPpk ? { ...made, ppkFile: path } : made;
  }
  const { ppkFile } = newKeyFiles(context.keyFolder, options.alias);
  await writePpkFile(context.keyFolder, ppkFile, key, context);
  return { publicKey, key, identityFile: path, ppkFile };
}

function toHost(plan: LoginPlan, key: KeyInPlace, remote: AuthorisedKey, options: PasswordlessOptions): SshHost {
  return {
    alias: options.alias,
    owner: options.tag.id,
    address: options.address,
    port: options.port,
    users: plan.accounts,
    identityFile: key.identityFile,
    ...(key.ppkFile === undefined ? {} : { ppkFile: key.ppkFile }),
    hostKeys: remote.hostKeys,
    hostKeyAlias: options.alias,
    sshFolder: options.sshFolder,
  };
}

type Told = { readonly told: readonly string[]; readonly notes: readonly string[] };

async function tellClients(host: SshHost, context: PasswordlessContext): Promise<Told> {
  const told: string[] = [];
  const notes: string[] = [];
  for (const client of context.clients) {
    if (!(await client.isPresent(context))) continue;
    try {
      const steps = await client.plan(host, context);
      for (const step of steps) {
        context.signal.throwIfAborted();
        await context.journal(step);
        await client.apply(step, context);
      }
      if (steps.length > 0) told.push(client.name);
    } catch (error) {
      if (client.isEssential || !(error instanceof AppError)) throw error;
      notes.push(`${client.name} does not know "${host.alias}": ${error.message}`);
    }
  }
  return { told, notes };
}
