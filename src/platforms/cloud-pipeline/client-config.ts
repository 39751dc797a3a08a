// The configuration file of the platform's own client, `~/.pipe/config.json`: decoding and precedence. Pure.
import * as v from "valibot";
import { UsageError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import type { Settings, SettingValue } from "../../domain/setting.ts";

/** What we use of the client's file; the rest (time zone, codec) does not concern tunnels. */
export type ClientFile = {
  readonly api?: string;
  readonly token?: Secret;
  /** A proxy URL, or the word `pac`. */
  readonly proxy?: string;
  /** The client would put an NTLM helper in front of the proxy. */
  readonly ntlm: boolean;
};

/** A file that was read, and where. */
export type FoundClientFile = { readonly path: string; readonly content: ClientFile };

/** A secret value and the place it came from. */
export type SecretValue = { readonly value: Secret; readonly source: string };

/** Everything configured, each with its source. */
export type Configuration = {
  readonly api?: SettingValue;
  readonly token?: SecretValue;
  readonly proxy?: SettingValue;
  readonly caFile?: SettingValue;
  readonly insecure?: SettingValue;
  /** What could not be taken over from the client's file, in plain words. */
  readonly warnings: readonly string[];
};

/** Path of the file below the home folder. */
export const CLIENT_FILE = ".pipe/config.json";

const CONFIGURE_HINT = 'Write the file anew with "pipe configure"';

const text = v.nullish(v.string());

const clientFileSchema = v.object({
  api: text,
  access_key: text,
  proxy: text,
  proxy_ntlm: v.nullish(v.boolean()),
});

/** Decodes the file. Throws UsageError that names the file and the field, never its contents. */
export function decodeClientFile(content: string, path: string): ClientFile {
  const result = v.safeParse(clientFileSchema, parseObject(content, path));
  if (!result.success) {
    const field = v.getDotPath(result.issues[0]) ?? "";
    throw new UsageError(`Field "${field}" of "${path}" is not ${field === "proxy_ntlm" ? "true or false" : "text"}`, {
      code: "bad-client-file",
      hint: CONFIGURE_HINT,
    });
  }
  const { api, access_key: token, proxy, proxy_ntlm: ntlm } = result.output;
  return {
    ...(isFilled(api) ? { api: api.trim() } : {}),
    ...(isFilled(token) ? { token: new Secret(token.trim()) } : {}),
    ...(isFilled(proxy) ? { proxy: proxy.trim() } : {}),
    ntlm: ntlm ?? false,
  };
}

/** Whether the client's file is wanted: like its own client we leave it alone when address and token are both given. */
export function needsClientFile(settings: Settings, environment: Readonly<Record<string, string>>): boolean {
  const both = findBothVariables(environment) !== undefined;
  const api = findSetting(settings, "cloud-pipeline.api");
  const token = findSetting(settings, "cloud-pipeline.token");
  return !((api !== undefined || both) && (token !== undefined || both));
}

/** Weighs the sources: our settings; then `API` and `API_TOKEN` when both are set; then the file; then one of the two
 * variables alone, which the client takes only where the file has no value. */
export function decideConfiguration(
  settings: Settings,
  environment: Readonly<Record<string, string>>,
  file: FoundClientFile | undefined,
): Configuration {
  const both = findBothVariables(environment);
  const api =
    findSetting(settings, "cloud-pipeline.api") ??
    both?.api ??
    fromFile(file?.content.api, file) ??
    findVariable(environment, "API");
  const token =
    asSecret(findSetting(settings, "cloud-pipeline.token") ?? both?.token) ??
    (file?.content.token === undefined ? undefined : { value: file.content.token, source: file.path }) ??
    asSecret(findVariable(environment, "API_TOKEN"));
  const proxy = findSetting(settings, "cloud-pipeline.proxy") ?? fromFile(usableProxy(file), file);
  const caFile = findSetting(settings, "cloud-pipeline.ca-file");
  const insecure = findSetting(settings, "cloud-pipeline.insecure");
  return {
    ...(api === undefined ? {} : { api }),
    ...(token === undefined ? {} : { token }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(insecure === undefined ? {} : { insecure }),
    warnings: findSetting(settings, "cloud-pipeline.proxy") === undefined ? proxyWarnings(file) : [],
  };
}

function parseObject(content: string, path: string): unknown {
  const body = content.replace(/^\uFEFF/, "").trim();
  const fail = (what: string) => new UsageError(what, { code: "bad-client-file", hint: CONFIGURE_HINT });
  if (body === "") throw fail(`The file "${path}" is empty`);
  const json = parseJson(body);
  if (json === undefined) throw fail(`The file "${path}" is not complete JSON`);
  if (typeof json.value !== "object" || json.value === null || Array.isArray(json.value)) {
    throw fail(`The file "${path}" holds no JSON object`);
  }
  return json.value;
}

/** Undefined where the text is no JSON. The parser's own message quotes the file, which holds a token: it goes no further. */
function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function isFilled(value: string | null | undefined): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function findSetting(settings: Settings, key: string): SettingValue | undefined {
  const found = settings.find(key);
  return isFilled(found?.value) ? found : undefined;
}

function findVariable(environment: Readonly<Record<string, string>>, name: string): SettingValue | undefined {
  const value = environment[name];
  return isFilled(value) ? { value: value.trim(), source: `environment ${name}` } : undefined;
}

function findBothVariables(
  environment: Readonly<Record<string, string>>,
): { readonly api: SettingValue; readonly token: SettingValue } | undefined {
  const api = findVariable(environment, "API");
  const token = findVariable(environment, "API_TOKEN");
  return api === undefined || token === undefined ? undefined : { api, token };
}

function fromFile(value: string | undefined, file: FoundClientFile | undefined): SettingValue | undefined {
  return value === undefined || file === undefined ? undefined : { value, source: file.path };
}

function asSecret(found: SettingValue | undefined): SecretValue | undefined {
  return found === undefined ? undefined : { value: new Secret(found.value.trim()), source: found.source };
}

function usableProxy(file: FoundClientFile | undefined): string | undefined {
  const proxy = file?.content.proxy;
  return proxy?.toLowerCase() === "pac" ? undefined : proxy;
}

function proxyWarnings(file: FoundClientFile | undefined): readonly string[] {
  if (file?.content.proxy?.toLowerCase() === "pac") {
    return [
      `The proxy "pac" in "${file.path}" is not supported; the proxy variables apply. Set cloud-pipeline.proxy to choose`,
    ];
  }
  if (file?.content.proxy !== undefined && file.content.ntlm) {
    return [`NTLM login at the proxy in "${file.path}" is not supported; the proxy is asked without it`];
  }
  return [];
}
