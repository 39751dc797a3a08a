// Gathers what is configured for Backend.AI, reading the client's files anew at each call.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage, LocalError, systemErrorCode } from "../../domain/errors.ts";
import type { TlsOptions } from "../../domain/route.ts";
import type { ConfigurationRow, SettingValue } from "../../domain/setting.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { PlatformContext } from "../platform.ts";
import { readAuthorityFile } from "../setting-values.ts";
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
