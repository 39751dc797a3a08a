// `start` without a run: the user's runs to choose from, then the ports, and the command that would have said the same.
import { NotFoundError } from "../domain/errors.ts";
import { parsePortRange } from "../domain/ports.ts";
import type { AppContext } from "../tunnel/context.ts";
import type { FoundRun } from "../tunnel/list-runs.ts";
import type { Arguments } from "./command.ts";
import { readSwitch, readText } from "./options.ts";
import type { Choice, Prompts } from "./prompts.ts";
import { describeState, describeTunnels } from "./render-runs.ts";

/** Enough to search in; older runs are named by hand. */
const LIMIT = 200;

const SSH_PORT = "22";
const ANY_FREE = "any free one";

/** Asks for what the words lack, and returns them complete. Throws NotFoundError where there is nothing to choose. */
export async function chooseRun(words: Arguments, prompts: Prompts, context: AppContext): Promise<Arguments> {
  const { findRuns } = await import("../tunnel/list-runs.ts");
  const platform = readText(words, "platform");
  context.progress.update("Asking for your runs");
  const found = await findRuns(
    { ended: false, limit: LIMIT, ...(platform === undefined ? {} : { platform }) },
    context,
  );
  context.progress.done();
  for (const { platform: title, error } of found.failures) context.progress.note(`warning: ${title}: ${error.message}`);
  const runs = [...found.runs].sort((one, other) => Number(other.phase === "ready") - Number(one.phase === "ready"));
  if (runs.length === 0) {
    throw new NotFoundError("You have no runs to choose from", {
      code: "no-runs",
      hint: 'Start a run on its platform; "runtunnel runs --all" lists those that are over',
    });
  }
  const run = await prompts.search("Which run?", labelChoices(runs, prompts.width));
  const chosen = { ...words, run };
  const ports = hasPorts(words) ? {} : await askPorts(words, prompts);
  if (!hasPorts(words)) context.progress.note(`The same in one line: ${commandLine(run, ports)}`);
  return { ...chosen, ...ports };
}

/** All in the label, in columns: what is typed narrows the list by any of it. */
function labelChoices(runs: readonly FoundRun[], width: number): readonly Choice[] {
  const rows = runs.map((run) => [
    // Sessions that share a name are told apart by the beginning of their ids.
    run.name.endsWith(run.id) ? run.reference : `${run.name} ${run.id.slice(0, 8)}`,
    describeState(run),
    run.image?.split("/").at(-1) ?? "",
    run.tunnels.length === 0 ? "" : `tunnel ${describeTunnels(run)}`,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row, index) => ({
    value: runs[index]?.reference ?? "",
    label: row
      .flatMap((cell, column) => (widths[column] === 0 ? [] : [cell.padEnd(widths[column] ?? 0)]))
      .join("  ")
      .trimEnd()
      .slice(0, width),
  }));
}

function hasPorts(words: Arguments): boolean {
  return ["local-port", "remote-port", "preferred-port", "app"].some((name) => words[name] !== undefined);
}

type Ports = { readonly "remote-port"?: string; readonly "local-port"?: string; readonly ssh?: boolean };

async function askPorts(words: Arguments, prompts: Prompts): Promise<Ports> {
  const remote = await prompts.text({ message: "Remote port?", fallback: SSH_PORT, check: checkPorts });
  const local = await prompts.text({
    message: "Local port?",
    fallback: ANY_FREE,
    check: (answer) => (answer === ANY_FREE ? undefined : checkPorts(answer)),
  });
  const wantsSsh = readSwitch(words, "ssh") || (remote === SSH_PORT && (await prompts.confirm("Passwordless SSH?")));
  return {
    "remote-port": remote,
    "local-port": local === ANY_FREE ? "0" : local,
    ...(wantsSsh ? { ssh: true } : {}),
  };
}

function checkPorts(answer: string): string | undefined {
  try {
    parsePortRange(answer, "the port");
    return undefined;
  } catch {
    return "Give a port such as 22, or a range such as 8000-8002";
  }
}

function commandLine(run: string, ports: Ports): string {
  const ssh = ports.ssh === true ? " --ssh" : "";
  return `runtunnel start ${run} -lp ${ports["local-port"]} -rp ${ports["remote-port"]}${ssh}`;
}
