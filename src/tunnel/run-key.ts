// `key`: the private key of a run or a session, and keys from one format into another.
import { NotFoundError, UsageError } from "../domain/errors.ts";
import { readTextIfExists, replaceFile } from "../os/atomic-file.ts";
import { parseAnyPrivateKey } from "../ssh/formats/foreign-key.ts";
import { formatPrivateKey, type KeyFormat, type KeyFormatOptions, publicKeyLine } from "../ssh/formats/private-key.ts";
import { type AppContext, platformContext } from "./context.ts";
import { identifyRun } from "./identify-run.ts";
import { getPlatform, resolveRun } from "./run-access.ts";
import { selectRecords } from "./selection.ts";

/** How a key is to be written. */
export type KeyOutput = KeyFormatOptions & {
  /** Absolute path. */
  readonly path: string;
  /** Absent: as the key comes. */
  readonly format?: KeyFormat;
};

/** A key file is a few kilobytes. */
const MAX_KEY_BYTES = 65_536;

/** Writes the run's private key (mode 0600): what the platform hands out, else that of a tunnel with passwordless SSH.
 * Returns where it came from. */
export async function saveRunKey(
  run: string,
  platform: string | undefined,
  output: KeyOutput,
  context: AppContext,
): Promise<string> {
  const { source, text } = await findRunKey(run, platform, context);
  await writeKey(text, undefined, output);
  return source;
}

/** The same key as text, for whoever hands it on without a file of ours. */
export async function readRunKey(
  run: string,
  platform: string | undefined,
  { format, ...options }: KeyFormatOptions & { readonly format: KeyFormat },
  context: AppContext,
): Promise<string> {
  const { text } = await findRunKey(run, platform, context);
  return formatPrivateKey(await parseAnyPrivateKey(text, undefined), format, options);
}

/** Reads any private key and writes it in another format (mode 0600). Throws UsageError or AuthError for a key that
 * cannot be read. */
export async function convertKey(path: string, passphrase: string | undefined, output: KeyOutput): Promise<void> {
  const text = await readTextIfExists(path, MAX_KEY_BYTES);
  if (text === undefined) throw new NotFoundError(`There is no file "${path}"`, { code: "no-key-file" });
  await writeKey(text, passphrase, output);
}

/** Makes the user's own key the one that new sessions let in. */
export async function uploadAccountKey(
  path: string,
  passphrase: string | undefined,
  platformName: string,
  context: AppContext,
): Promise<void> {
  const text = await readTextIfExists(path, MAX_KEY_BYTES);
  if (text === undefined) throw new NotFoundError(`There is no file "${path}"`, { code: "no-key-file" });
  const platform = getPlatform(platformName, context.platforms);
  if (platform.uploadKey === undefined) {
    throw new UsageError(`${platform.title} has no account key`, {
      hint: "With Cloud Pipeline, --ssh puts a key into the run by itself",
    });
  }
  const key = await parseAnyPrivateKey(text, passphrase);
  const asPlatform = await platformContext(context);
  await platform.uploadKey(formatPrivateKey(key, "openssh"), publicKeyLine(key), asPlatform, context.signal);
}

async function writeKey(text: string, passphrase: string | undefined, output: KeyOutput): Promise<void> {
  const { path, format, ...options } = output;
  const key = await parseAnyPrivateKey(text, passphrase);
  await replaceFile(path, formatPrivateKey(key, format ?? "openssh", options), { mode: 0o600, enforceMode: true });
}

async function findRunKey(
  run: string,
  platform: string | undefined,
  context: AppContext,
): Promise<{ readonly text: string; readonly source: string }> {
  const { records } = await context.registry.list();
  const selected = selectRecords(records, { run, ...(platform === undefined ? {} : { platform }) }, context);
  const ssh = selected.findLast(
    (record) => record.ssh !== undefined && context.registry.liveness(record) === "alive",
  )?.ssh;
  if (ssh !== undefined) {
    const text = await readTextIfExists(ssh.identityFile, MAX_KEY_BYTES);
    if (text !== undefined) return { text, source: `the tunnel with alias ${ssh.alias}` };
  }
  const reference = await identifyRun(run, platform, context.platforms, await platformContext(context));
  const resolved = await resolveRun(
    { platform: reference.platform, run: reference.id, direct: false, retries: 3, ssh: { users: [], keep: false } },
    context,
    context.signal,
  );
  const key = resolved.ssh?.ready?.privateKey;
  if (key !== undefined) return { text: key.reveal(), source: resolved.name };
  throw new NotFoundError(`${resolved.name} hands out no private key`, {
    code: "no-key",
    hop: "ssh-key",
    hint: resolved.notes[0] ?? `Start a tunnel with one: runtunnel start ${run} -lp 0 -rp 22 --ssh`,
  });
}
