// Values of settings as platforms need them: yes or no, whole numbers, the text of files they name.
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { errorMessage, LocalError, NotFoundError, systemErrorCode, UsageError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import type { SettingValue } from "../domain/setting.ts";

/** Reads `true`/`false` and their usual spellings; throws UsageError naming where the value came from. */
export function parseSwitch(setting: SettingValue | undefined): boolean {
  const text = setting?.value.trim().toLowerCase() ?? "";
  if (["true", "yes", "on", "1"].includes(text)) return true;
  if (["", "false", "no", "off", "0"].includes(text)) return false;
  throw new UsageError(`Cannot read the switch given by ${setting?.source}`, { hint: "Write true or false" });
}

/** Reads a file that a setting names; `~/` is the home folder. The text itself never appears in errors. */
export async function readSettingFile(setting: SettingValue, homeFolder: string, what: string): Promise<string> {
  const path = setting.value.startsWith("~/") ? join(homeFolder, setting.value.slice(2)) : setting.value;
  if (!isAbsolute(path)) {
    throw new UsageError(`The ${what} "${path}" given by ${setting.source} is not an absolute path`, {
      hint: "Write the whole path, or begin it with ~/",
    });
  }
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const message = `Cannot read the ${what} "${path}" given by ${setting.source}: ${errorMessage(error)}`;
    if (systemErrorCode(error) === "ENOENT") throw new NotFoundError(message, { cause: error });
    throw new LocalError(message, { cause: error });
  }
}

/** Reads a PEM file of authorities and checks that it holds readable certificates. */
export async function readAuthorityFile(setting: SettingValue, homeFolder: string): Promise<string> {
  const text = await readSettingFile(setting, homeFolder, "CA file");
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (error) {
    throw new UsageError(`The CA file "${setting.value}" holds a certificate that cannot be read`, {
      hint: "Give a PEM file as your administrators hand it out",
      cause: error,
    });
  }
  if (blocks.length === 0) {
    throw new UsageError(`The CA file "${setting.value}" holds no certificate`, {
      hint: "Give a PEM file with BEGIN CERTIFICATE lines",
    });
  }
  return `${blocks.join("\n")}\n`;
}

/** User and password in a URL, as written and as meant. */
export function urlSecrets(url: string): readonly Secret[] {
  const login = /^[a-z][a-z0-9+.-]*:\/\/([^/@]+)@/i.exec(url)?.[1] ?? "";
  const password = login.includes(":") ? login.slice(login.indexOf(":") + 1) : "";
  if (password === "") return [];
  try {
    return [new Secret(password), new Secret(decodeURIComponent(password))];
  } catch {
    return [new Secret(password)];
  }
}
