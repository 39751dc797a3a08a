// PuTTY for Windows: one registry key per session, one value per host key, through reg.exe.
import { LocalError } from "../../../domain/errors.ts";
import { puttySessionKeyName } from "../../formats/putty-names.ts";
import type { ProgramResult, RunProgram } from "../../run-program.ts";
import type { PuttyStore } from "./putty-store.ts";
import {
  HOST_KEYS_KEY,
  isEmptyRegKey,
  keysAround,
  parseRegValues,
  regAdd,
  regDelete,
  regExport,
  regImport,
  regQuery,
  SESSIONS_KEY,
  sessionKey,
} from "./registry.ts";

/** A store over the registry of the user we run as. */
export function registryStore(run: RunProgram): PuttyStore {
  const keyOf = (name: string) => sessionKey(puttySessionKeyName(name));
  const isThere = async (key: string, value?: string) => (await run(regQuery(key, value))).code === 0;
  return {
    async findSession(name) {
      const result = await run(regQuery(keyOf(name)));
      return result.code === 0 ? parseRegValues(result.stdout) : undefined;
    },
    async writeSession(name, settings) {
      for (const { key, value } of settings) await runOk(run, regAdd(keyOf(name), key, value));
    },
    async removeSession(name) {
      if (await isThere(keyOf(name))) await runOk(run, regDelete(keyOf(name)));
      await removeEmptyKeys(run, SESSIONS_KEY);
    },
    async saveSession(name, file) {
      await runOk(run, regExport(keyOf(name), file));
    },
    async restoreSession(_name, file) {
      await runOk(run, regImport(file));
    },
    async findHostKey(name) {
      const result = await run(regQuery(HOST_KEYS_KEY, name));
      return result.code === 0 ? parseRegValues(result.stdout).get(name) : undefined;
    },
    async writeHostKey(entry) {
      await runOk(run, regAdd(HOST_KEYS_KEY, entry.name, entry.value));
    },
    async removeHostKey(name) {
      if (await isThere(HOST_KEYS_KEY, name)) await runOk(run, regDelete(HOST_KEYS_KEY, name));
      await removeEmptyKeys(run, HOST_KEYS_KEY);
    },
  };
}

/** Where PuTTY was never used, nothing is to tell that we were there. */
async function removeEmptyKeys(run: RunProgram, innermost: string): Promise<void> {
  for (const key of keysAround(innermost)) {
    const found = await run(regQuery(key));
    if (found.code !== 0) continue;
    if (!isEmptyRegKey(found.stdout, key)) return;
    await runOk(run, regDelete(key));
  }
}

async function runOk(run: RunProgram, command: readonly string[]): Promise<ProgramResult> {
  const result = await run(command);
  if (result.code === 0) return result;
  const detail = (result.stderr || result.stdout).trim().replaceAll(/\s+/g, " ").slice(0, 200);
  throw new LocalError(`Cannot change PuTTY's settings in the registry: reg ${command[1]} ended with ${detail}`, {
    code: "registry",
    hint: "Check that reg.exe is there and not forbidden by a policy",
  });
}
