// `runtunnel` alone: where one stands, and what to type next.
import pc from "picocolors";
import type { ListedTunnel } from "../../tunnel/list.ts";
import type { Overview, PlatformStanding } from "../../tunnel/overview.ts";
import type { Command, CommandRun } from "../command.ts";
import { listedJson } from "../describe-tunnel.ts";

export const overviewCommand: Command = {
  usage: "",
  summary: "Say where one stands",
  examples: [],
  hidden: true,
  toleratesBadSettings: true,
  options: (yargs) => yargs,
  run,
};

/** A command to type, and what it is good for. */
type Step = readonly [string, string];

async function run({ world, context, print }: CommandRun): Promise<undefined> {
  const { lookAround } = await import("../../tunnel/overview.ts");
  const { renderListing } = await import("../render-listing.ts");
  const overview = await lookAround(context);
  const steps = nextSteps(overview);
  print(
    {
      version: world.version,
      platforms: overview.platforms.map(({ addresses, name, problem, state, title }) => ({
        name,
        title,
        state,
        addresses,
        problem: problem ?? null,
      })),
      tunnels: overview.tunnels.map(listedJson),
      next: steps.map(([command, what]) => ({ command, what })),
    },
    () => {
      const { bold } = pc.createColors(world.stdout.hasColor);
      const tunnels =
        overview.tunnels.length === 0
          ? "  none\n"
          : indent(renderListing({ tunnels: overview.tunnels, damaged: [] }, context, narrower(world.stdout)));
      return [
        `${world.version.split(" (")[0]}\n`,
        `\n${bold("Platforms")}\n${pairs(overview.platforms.map(platformPair))}`,
        `\n${bold("Tunnels")}\n${tunnels}`,
        `\n${bold("Next")}\n${pairs(steps)}`,
      ].join("");
    },
  );
  return undefined;
}

/** What makes sense to type now; most urgent first. */
function nextSteps({ platforms, tunnels }: Overview): readonly Step[] {
  const steps: Step[] = [];
  const ill = tunnels.find(({ state }) => ["degraded", "unhealthy", "failed", "hanging"].includes(state));
  const dead = tunnels.find(({ state }) => state === "dead");
  const well = tunnels.find(({ state }) => state === "healthy");
  if (platforms.some(({ state }) => state === "broken"))
    steps.push(["runtunnel doctor", "what is wrong with the settings"]);
  if (ill !== undefined) steps.push([`runtunnel doctor ${nameOf(ill)}`, "why the tunnel does not work"]);
  // By its own id: without one, stop ends what is well too.
  if (dead !== undefined) steps.push([`runtunnel stop ${dead.record.id}`, "clean up what a crash left"]);
  if (well !== undefined)
    steps.push(connectStep(well), [`runtunnel stop ${nameOf(well)}`, "stop it and undo what it set up"]);
  if (platforms.every(({ state }) => state === "not-configured")) {
    steps.push(
      ["runtunnel init", "set a platform up"],
      ["runtunnel sandbox -- bash", "try everything without an account"],
    );
  } else if (well === undefined && platforms.some(({ state }) => state === "configured")) {
    steps.push(
      ["runtunnel runs", "what is running on the platform"],
      ["runtunnel start RUN -lp 0 -rp 22 --ssh", "open a tunnel to a run, with SSH"],
    );
  }
  steps.push(["runtunnel --help", "all commands"]);
  return steps;
}

function connectStep(tunnel: ListedTunnel): Step {
  const { spec, ssh } = tunnel.record;
  // An own folder of OpenSSH's is read only when it is named: info says how.
  return ssh === undefined || spec.ssh?.folder !== undefined
    ? [`runtunnel info ${nameOf(tunnel)}`, "how to connect"]
    : [`ssh ${ssh.alias}`, "a shell on the run"];
}

function nameOf({ record }: ListedTunnel): string {
  return record.spec.run;
}

function platformPair({ addresses, problem, state, title }: PlatformStanding): Step {
  switch (state) {
    case "configured":
      return [title, addresses.join(", ")];
    case "broken":
      return [title, problem ?? "its settings cannot be read"];
    case "not-configured":
      return [title, "not configured"];
  }
}

function pairs(rows: readonly Step[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}

function narrower<T extends { readonly columns: number }>(output: T): T {
  return Object.create(output, { columns: { value: output.columns - 2 } });
}
