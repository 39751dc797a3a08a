// Gathers what is configured for Cloud Pipeline, reading the client's file anew at each call.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorMessage, LocalError, systemErrorCode, UsageError } from "../../domain/errors.ts";
import type { Secret } from "../../domain/secret.ts";
import type { ConfigurationRow, SettingDeclaration, SettingValue } from "../../domain/setting.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { PlatformContext } from "../platform.ts";
import { parseHttpProxy } from "../proxy-choice.ts";
import { urlSecrets } from "../setting-values.ts";
import {
  CLIENT_FILE,
  type Configuration,
  decideConfiguration,
  decodeClientFile,
  type FoundClientFile,
  needsClientFile,
} from "./client-config.ts";
import { maskToken } from "./token.ts";

/** Tries to read a file that its writer may be in the middle of writing: it truncates first and writes then. */
const READ_ATTEMPTS = 3;

/** Pause between these tries; the file is a few hundred bytes. */
const READ_PAUSE_MS = 50;

/** What `config show` and the command line know about this platform. */
export const SETTINGS: readonly SettingDeclaration[] = [
  declare("api", "API", "text", "Address of the REST API, such as https://host/pipeline/restapi"),
  declare("token", "TOKEN", "secret", "Access token"),
  declare("proxy", "PROXY", "text", "HTTP proxy for API calls, or none"),
  declare("ca-file", "CA_FILE", "text", "PEM file of additional authorities for the API's certificate"),
  declare("insecure", "INSECURE", "boolean", "Do not check the API's certificate"),
];

/** Everything configured. Throws UsageError for a broken client file. */
export async function loadConfiguration(context: PlatformContext): Promise<Configuration> {
  const { settings, environment } = context;
  const file = needsClientFile(settings, environment) ? await readClientFile(context) : undefined;
  return decideConfiguration(settings, environment, file);
}

/** Rows for `config show`; never throws for broken values, but says so in their place. */
export async function describeConfiguration(context: PlatformContext): Promise<readonly ConfigurationRow[]> {
  let found: Configuration;
  try {
    found = await loadConfiguration(context);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [{ key: "cloud-pipeline.api", source: error.message }];
  }
  const { token, proxy } = found;
  return [
    row("api", found.api === undefined ? undefined : { ...found.api, value: quoteForeign(maskUrl(found.api.value)) }),
    row("token", token === undefined ? undefined : { value: maskToken(token.value), source: token.source }),
    row("proxy", proxy === undefined ? undefined : { ...proxy, value: maskProxy(proxy) }),
    row("ca-file", found.caFile),
    row("insecure", found.insecure),
  ];
}

/** The token and a proxy's password, as far as they can be read; those of the client's file too where others win. */
export async function findSecrets(context: PlatformContext): Promise<readonly Secret[]> {
  const found = await loadConfiguration(context).catch(() => undefined);
  const file = await readClientFile(context).catch(() => undefined);
  const urls = [found?.api?.value, found?.proxy?.value, file?.content.api, file?.content.proxy];
  return [
    ...[found?.token?.value, file?.content.token].filter((token) => token !== undefined),
    ...urls.flatMap((url) => (url === undefined ? [] : urlSecrets(url))),
  ];
}

async function readClientFile(context: PlatformContext): Promise<FoundClientFile | undefined> {
  const path = join(context.homeFolder, CLIENT_FILE);
  for (let attempt = 1; ; attempt += 1) {
    const text = await readIfExists(path);
    if (text === undefined) return undefined;
    try {
      return { path, content: decodeClientFile(text, path) };
    } catch (error) {
      if (attempt >= READ_ATTEMPTS || !(error instanceof UsageError)) throw error;
      await context.clock.sleep(READ_PAUSE_MS);
    }
  }
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new LocalError(`Cannot read "${path}": ${errorMessage(error)}`, { cause: error });
  }
}

function declare(
  name: string,
  variable: string,
  kind: SettingDeclaration["kind"],
  description: string,
): SettingDeclaration {
  return {
    key: `cloud-pipeline.${name}`,
    variables: [`RUNTUNNEL_CLOUD_PIPELINE_${variable}`],
    kind,
    description: `Cloud Pipeline: ${description}`,
  };
}

function row(name: string, found: SettingValue | undefined): ConfigurationRow {
  const key = `cloud-pipeline.${name}`;
  return found === undefined ? { key, source: "not set" } : { key, value: found.value, source: found.source };
}

function maskUrl(text: string): string {
  return text.replace(/\/\/[^/@]*@/, "//[redacted]@");
}

function maskProxy(proxy: SettingValue): string {
  if (/^(none|direct)$/.test(proxy.value)) return proxy.value;
  try {
    const { url, authorization } = parseHttpProxy(proxy.value, proxy.source);
    return authorization === undefined ? url : url.replace("//", "//[redacted]@");
  } catch (error) {
    if (error instanceof AppError) return "not a proxy URL";
    throw error;
  }
}
