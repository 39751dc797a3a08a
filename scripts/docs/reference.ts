// What commands.md and the manual page are made of.
import type { CommandDescription } from "../../src/cli/describe-command.ts";
import type { SettingDeclaration } from "../../src/domain/setting.ts";

/** What the documents are made of. */
export type Reference = {
  readonly version: string;
  readonly commands: readonly CommandDescription[];
  readonly settings: readonly SettingDeclaration[];
};
