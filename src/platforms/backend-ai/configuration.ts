// Gathers what is configured for Backend.AI, reading the client's files anew at each call.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage, LocalError, systemErrorCode } from "../../domain/errors.ts";
import type { TlsOptions } from "../../domain/route.ts";
import { Secret } from "../../domain/secret.ts";
import type { ConfigurationRow, SettingDeclaration, Settings, SettingValue } from "../../domain/setting.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { PlatformContext } from "../platform.ts";
import { readAuthorityFile, urlSecrets } from "../setting-values.ts";
import { type BackendAiConfig, type ClientFile, decideConfig, type FindValue, findValues } from "./client-config.ts";
import { SETTINGS } from "./settings.ts";

/** Files of the platform's client below the home folder, in the order they count. */
const CLIENT_FILES = [".backend.ai/credentials.toml", ".backend.ai/config.toml"] as const;

/** Looks values up in all sources. Throws UsageError for a client file that is not TOML. */
export async function loadValues(context: PlatformContext): Promise<FindValue> {
  const files = await Promise.all(CLIENT_FILES.map((name) => readClientFile(join(context.homeFolder, name))));
  return findValues({
    settings: context.settings,
    environment: context.environment,
    files: files.filter((file) => file !== undefined),
  });
}

/** The configuration, checked. Throws AuthError where credentials are missing. */
export async function loadConfig(context: PlatformContext): Promise<BackendAiConfig> {
  return decideConfig(await loadValues(context));
}

/** How to trust the endpoint. Reads the CA file. */
export async function loadTls(
  config: Pick<BackendAiConfig, "verifyTls" | "caFile">,
  context: PlatformContext,
): Promise<TlsOptions> {
  if (config.caFile === undefined) return { verify: config.verifyTls };
  return {
    verify: config.verifyTls,
    certificateAuthority: await readAuthorityFile(config.caFile, context.homeFolder),
  };
}

/** Rows for `config show`; never throws for broken values, but says so in their place. */
export async function describeConfiguration(context: PlatformContext): Promise<readonly ConfigurationRow[]> {
  let find: FindValue;
  try {
    find = await loadValues(context);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [{ key: "backend-ai.endpoint", source: error.message }];
  }
  return SETTINGS.map(({ key, kind }) => {
    const found = find(key.replace("backend-ai.", ""));
    if (found === undefined) return { key, source: "not set" };
    return { key, value: kind === "secret" ? "[redacted]" : showValue(found), source: found.source };
  });
}

/** Values of all secret settings, and passwords in addresses, as far as they can be read; those of the client's files too
 * where others win. */
export async function findSecrets(context: PlatformContext): Promise<readonly Secret[]> {
  const nothing: Settings = { find: () => undefined };
  const sources = [context, { ...context, settings: nothing, environment: {} }];
  const finders = await Promise.all(
    sources.map((source) =>
      loadValues(source).catch((): FindValue => (name) => source.settings.find(`backend-ai.${name}`)),
    ),
  );
  return finders.flatMap((find) => SETTINGS.flatMap((setting) => secretsOf(setting, find)));
}

function secretsOf({ key, kind }: SettingDeclaration, find: FindValue): readonly Secret[] {
  const value = find(key.replace("backend-ai.", ""))?.value ?? "";
  // The kept login is a JSON document of which any text may be the secret one.
  const parts = kind === "secret" ? [value, ...(value.match(/[\w.~+/=-]{16,}/g) ?? [])] : [];
  return [...parts.filter((part) => part !== "").map((part) => new Secret(part)), ...urlSecrets(value)];
}

function showValue(found: SettingValue): string {
  return quoteForeign(found.value.replace(/\/\/[^/@]*@/g, "//[redacted]@"));
}

async function readClientFile(path: string): Promise<ClientFile | undefined> {
  try {
    return { path, text: await readFile(path, "utf8") };
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new LocalError(`Cannot read "${path}": ${errorMessage(error)}`, { cause: error });
  }
}
