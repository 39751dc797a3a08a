// `config show`: every value with the place it came from, secrets masked.
import type { ConfigurationRow, SettingDeclaration } from "../domain/setting.ts";
import { type AppContext, platformContext } from "./context.ts";

/** Folders, settings of runtunnel itself, then those of each platform. */
export async function describeConfiguration(
  core: readonly SettingDeclaration[],
  configFile: string,
  context: AppContext,
): Promise<readonly ConfigurationRow[]> {
  const settings = await context.configuration.load();
  const asPlatform = await platformContext(context);
  const rows: ConfigurationRow[] = [
    { key: "config file", value: configFile, source: "folder" },
    { key: "state folder", value: context.folders.state, source: "folder" },
  ];
  for (const { key } of core) {
    const found = settings.find(key);
    rows.push(found === undefined ? { key, source: "not set" } : { key, value: found.value, source: found.source });
  }
  for (const platform of context.platforms) rows.push(...(await platform.describeConfiguration(asPlatform)));
  return rows;
}
