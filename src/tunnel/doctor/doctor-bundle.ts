// `doctor --bundle`: what support needs to know, in one archive, without anything that opens a door.
import { readdir, stat } from "node:fs/promises";
import { release } from "node:os";
import { basename, dirname, join } from "node:path";
import { parse, stringify } from "smol-toml";
import { errorMessage } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { SettingDeclaration } from "../../domain/setting.ts";
import { readTextIfExists, replaceFile } from "../../os/atomic-file.ts";
import type { TunnelRecord } from "../../registry/record.ts";
import { type AppContext, platformContext } from "../context.ts";
import { logFolder } from "../log-files.ts";
import { createRedactor, SECRET_NAME } from "./redaction.ts";

/** What goes into a bundle besides what is found on this machine. */
export type BundleOptions = {
  /** Absolute path of the archive. */
  readonly path: string;
  readonly version: string;
  readonly configFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly declarations: readonly SettingDeclaration[];
  /** Texts by name. */
  readonly files: Readonly<Record<string, string>>;
};

/** The end of a log that is taken. */
const MAX_LOG_CHARACTERS = 512 * 1024;
/** Logs are written up to a bound; anything larger is not one. */
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/** Writes the archive, mode 0600. Every text goes through the redactor, whatever it is. */
export async function writeBundle(options: BundleOptions, context: AppContext): Promise<void> {
  const { records } = await context.registry.list();
  const redactText = createRedactor(await collectSecrets(options, records, context));
  const files: Record<string, string> = {
    ...options.files,
    "version.txt": describeMachine(options, context),
    ...(await describeSettings(options, context)),
    ...Object.fromEntries(records.map((record) => [`tunnels/${record.id}.json`, describeRecord(record)])),
    ...(await readLogs(records, context)),
  };
  const folder = basename(options.path).replace(/\.(?:tar\.gz|tgz)$/, "");
  const redacted = Object.entries(files).map(([name, text]) => [`${folder}/${name}`, redactText(text)]);
  const archive = new Bun.Archive(Object.fromEntries(redacted), { compress: "gzip" });
  await replaceFile(options.path, await archive.bytes(), { mode: 0o600, enforceMode: true });
}

/** Whatever is secret in the environment, in the files of ours and of the platforms' clients, and in the records. */
async function collectSecrets(
  options: BundleOptions,
  records: readonly TunnelRecord[],
  context: AppContext,
): Promise<readonly Secret[]> {
  const texts = [
    ...environmentSecrets(options),
    ...records.flatMap(({ control }) => (control === undefined ? [] : [control.token])),
  ];
  const { platforms } = context;
  const asPlatform = await platformContext(context).catch(() => undefined);
  const found =
    asPlatform === undefined ? [] : await Promise.all(platforms.map((platform) => platform.findSecrets(asPlatform)));
  for (const file of await tomlFiles(options)) texts.push(...secretsIn(parseOrEmpty(file.text), ""));
  return [...found.flat(), ...texts.map((text) => new Secret(text))];
}

function environmentSecrets({ declarations, environment }: BundleOptions): readonly string[] {
  const declared = declarations.filter(({ kind }) => kind === "secret").flatMap(({ variables }) => variables);
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && (declared.includes(name) || SECRET_NAME.test(name)) ? [value] : [],
  );
}

/** Texts of a file under names that say that they are secret, in every profile. */
function secretsIn(value: unknown, name: string): readonly string[] {
  if (typeof value === "string") return SECRET_NAME.test(name) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => secretsIn(inner, key));
}

function describeMachine({ version }: BundleOptions, context: AppContext): string {
  const lines = [version, `${context.system} ${release()} ${process.arch}`, `Bun ${Bun.version}`];
  return `${lines.join("\n")}\nmade ${new Date(context.clock.now()).toISOString()}\n`;
}

async function describeSettings(options: BundleOptions, context: AppContext): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { path, text } of await tomlFiles(options)) files[`config/${basename(path)}`] = withoutSecrets(text);
  try {
    const asPlatform = await platformContext(context);
    const rows = await Promise.all(context.platforms.map((platform) => platform.describeConfiguration(asPlatform)));
    files["config/settings.json"] = `${JSON.stringify(rows.flat(), undefined, 2)}\n`;
  } catch (error) {
    files["config/settings.json"] = `${JSON.stringify({ error: errorMessage(error) })}\n`;
  }
  return files;
}

/** Our own files in the configuration folder; a login that is kept there is no such file. */
async function tomlFiles({ configFile }: BundleOptions): Promise<readonly { path: string; text: string }[]> {
  const folder = dirname(configFile);
  const names = await readdir(folder).catch((): string[] => []);
  const found: { path: string; text: string }[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith(".toml"))) {
    const path = join(folder, name);
    const text = await readTextIfExists(path).catch(() => undefined);
    if (text !== undefined) found.push({ path, text });
  }
  return found;
}

/** The file as it is understood: no comments, which may hold anything, and no value whose name says that it is secret. */
function withoutSecrets(text: string): string {
  try {
    return stringify(mask(parse(text.replace(/^\uFEFF/, "")), "") as Record<string, unknown>);
  } catch {
    return "# This file cannot be read as TOML; it is left out\n";
  }
}

function mask(value: unknown, name: string): unknown {
  if (SECRET_NAME.test(name)) return "[redacted]";
  if (Array.isArray(value)) return value.map((item) => mask(item, ""));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mask(inner, key)]));
}

function parseOrEmpty(text: string): unknown {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch {
    // Broken files hold secrets too: any value that has a secret's name counts.
    return Object.fromEntries(
      [...text.matchAll(/^\s*"?([\w.-]+)"?\s*=\s*["']?([^"'\n]+)/gm)].map(([, k, v]) => [k, v]),
    );
  }
}

/** A record without the token that opens its control channel; of the journal only what kinds of steps were taken. */
function describeRecord(record: TunnelRecord): string {
  const { control, journal, ...rest } = record;
  const shown = {
    ...rest,
    ...(control === undefined ? {} : { control: { port: control.port } }),
    journal: journal.map(({ kind }) => ({ kind: kind ?? null })),
  };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

async function readLogs(records: readonly TunnelRecord[], context: AppContext): Promise<Record<string, string>> {
  const folder = logFolder(context);
  const names = await readdir(folder).catch((): string[] => []);
  const paths = [...names.map((name) => join(folder, name)), ...records.flatMap(({ logFile }) => logFile ?? [])];
  const logs: Record<string, string> = {};
  for (const path of new Set(paths)) {
    if (!(await stat(path).catch(() => undefined))?.isFile()) continue;
    const text = await readTextIfExists(path, MAX_LOG_BYTES).catch(() => undefined);
    // The cut must not leave the second half of a secret: it goes to the next whole line.
    if (text !== undefined) logs[`logs/${basename(path)}`] = lastLines(text);
  }
  return logs;
}

function lastLines(text: string): string {
  if (text.length <= MAX_LOG_CHARACTERS) return text;
  const from = text.indexOf("\n", text.length - MAX_LOG_CHARACTERS);
  return from < 0 ? "" : text.slice(from + 1);
}
