// The runs that were listed last, kept for completion: a shell waits for Tab, a network does not answer in time.
// Format: {"version": 1, "runs": [{"reference", "platform", "state"}]}, mode 0600, in the state folder.
import { join } from "node:path";
import * as v from "valibot";
import { AppError } from "../domain/errors.ts";
import { ensurePrivateFolder, readTextIfExists, replaceFile } from "../os/atomic-file.ts";
import type { AppContext } from "./context.ts";

/** A run as it was when it was listed. */
export type KnownRun = { readonly reference: string; readonly platform: string; readonly state: string };

const FILE = "known-runs.json";

/** More are of no use for completion. */
const MAX_RUNS = 200;
const MAX_BYTES = 256 * 1024;

const schema = v.object({
  version: v.literal(1),
  runs: v.array(v.object({ reference: v.string(), platform: v.string(), state: v.string() })),
});

/** Keeps the runs that are not over, in place of those of the platforms that were asked. A state folder that cannot be written is no reason to fail. */
export async function rememberRuns(
  runs: readonly (KnownRun & { readonly phase: string })[],
  askedPlatforms: readonly string[],
  context: AppContext,
): Promise<void> {
  const others = (await recallRuns(context.folders.state)).filter(({ platform }) => !askedPlatforms.includes(platform));
  const kept = [...runs.filter(({ phase }) => phase !== "ended"), ...others]
    .slice(0, MAX_RUNS)
    .map(({ reference, platform, state }) => ({ reference, platform, state }));
  try {
    await ensurePrivateFolder(context.folders.state);
    await replaceFile(join(context.folders.state, FILE), `${JSON.stringify({ version: 1, runs: kept })}\n`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    context.log.debug("The list of runs cannot be kept", { reason: error.message });
  }
}

/** The runs that were listed last; none where the file is missing or broken. */
export async function recallRuns(stateFolder: string): Promise<readonly KnownRun[]> {
  try {
    const text = await readTextIfExists(join(stateFolder, FILE), MAX_BYTES);
    const decoded = v.safeParse(schema, text === undefined ? undefined : JSON.parse(text));
    return decoded.success ? decoded.output.runs : [];
  } catch (error) {
    if (error instanceof AppError || error instanceof SyntaxError) return [];
    throw error;
  }
}
