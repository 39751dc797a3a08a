// `runtunnel doctor [RUN]`.
import type { Argv } from "yargs";
import type { TunnelSpec } from "../../domain/tunnel-spec.ts";
import type { DoctorOptions } from "../../tunnel/doctor/doctor.ts";
import type { Command, CommandRun } from "../command.ts";
import {
  parseWholeNumber,
  platformOption,
  readPorts,
  readSwitch,
  readText,
  readTexts,
  resolveUserPath,
  SHORT_NAMES,
} from "../options.ts";
import { reachOptions, reachSpec } from "../reach-options.ts";
import { checkJson, renderCheck, renderSummary } from "../render-checks.ts";

export const doctorCommand: Command = {
  usage: "doctor [run]",
  summary: "Look at every hop of the way to a run, or at this machine, and say what to do",
  details:
    "Changes nothing. The exit code is that of the first hop that fails, the same as a start would end with. --bundle writes what support needs to know, without tokens, passwords and keys.",
  examples: [
    ["$0 doctor", "this machine: settings, platforms, SSH client, tunnels"],
    ["$0 doctor 56819", "every hop to run 56819, with its time"],
    ["$0 doctor 56819 --ssh", "and whether SSH gets in"],
    ["$0 doctor 56819 --bundle report.tar.gz", "the same for support, secrets removed"],
  ],
  toleratesBadSettings: true,
  options: (yargs) => doctorOptions(reachOptions(platformOption(yargs))),
  run,
};

function doctorOptions(yargs: Argv): Argv {
  return yargs
    .positional("run", { type: "string", describe: "Run id, session or host" })
    .option("remote-port", {
      alias: SHORT_NAMES["remote-port"],
      type: "string",
      describe: "Remote port or range [default: those of its tunnels, else 22]",
    })
    .option("local-port", {
      alias: SHORT_NAMES["local-port"],
      type: "string",
      describe: "Local port or range that should be free or lead to the run",
    })
    .option("ssh", { alias: SHORT_NAMES.ssh, type: "boolean", describe: "Log in by SSH as well" })
    .option("ssh-user", { alias: SHORT_NAMES["ssh-user"], type: "string", describe: "Account for --ssh" })
    .option("identity", { alias: SHORT_NAMES.identity, type: "string", describe: "Private key for --ssh" })
    .option("bundle", { type: "string", describe: "Write a .tar.gz for support to this file, secrets removed" });
}

async function run(command: CommandRun): Promise<number> {
  const { arguments: words, context, json, print, world } = command;
  const { diagnose } = await import("../../tunnel/doctor/doctor.ts");
  const { stdout } = world;
  let text = "";
  const options = doctorRequest(command, (line) => {
    text += line;
    if (json) return;
    context.progress.done();
    stdout.write(line);
  });
  const diagnosis = await diagnose(options, context);
  const file = readText(words, "bundle");
  const bundle = file === undefined ? undefined : resolveUserPath(file, world.workingFolder, world.homeFolder);
  const data = {
    ...(options.run === undefined ? {} : { run: options.run }),
    ok: diagnosis.exitCode === 0,
    exitCode: diagnosis.exitCode,
    checks: diagnosis.checks.map(checkJson),
  };
  const summary = renderSummary(diagnosis.checks);
  if (bundle !== undefined) {
    const { writeBundle } = await import("../../tunnel/doctor/doctor-bundle.ts");
    await writeBundle(
      {
        path: bundle,
        version: world.version,
        configFile: world.configFile,
        environment: world.environment,
        declarations: world.declarations,
        files: { "doctor.json": `${JSON.stringify(data, undefined, 2)}\n`, "doctor.txt": text + summary },
      },
      context,
    );
  }
  print({ ...data, bundle: bundle ?? null }, () =>
    bundle === undefined ? summary : `${summary}Wrote ${bundle}. Look through it before you send it.\n`,
  );
  return diagnosis.exitCode;
}

function doctorRequest(command: CommandRun, print: (line: string) => void): DoctorOptions {
  const { arguments: words, world } = command;
  const run = words["run"] === "" ? undefined : readText(words, "run");
  const platform = readText(words, "platform");
  const remotePorts = readPorts(words, "remote-port");
  const localPorts = readPorts(words, "local-port");
  return {
    version: world.version,
    configFile: world.configFile,
    spec: doctorSpec(command),
    ...(run === undefined ? {} : { run }),
    ...(platform === undefined ? {} : { platform }),
    ...(remotePorts === undefined ? {} : { remotePorts }),
    ...(localPorts === undefined ? {} : { localPorts }),
    onCheck: (check) => print(renderCheck(check, !command.json && world.stdout.hasColor)),
  };
}

/** One try for each hop: the doctor tells how it is now, a start would try again. */
function doctorSpec({ arguments: words, settings, world }: CommandRun): Omit<TunnelSpec, "platform" | "run" | "ports"> {
  const retries = readText(words, "retries");
  return {
    ...reachSpec(words, settings, world.workingFolder, world.homeFolder),
    retries: retries === undefined ? 1 : parseWholeNumber(retries, "--retries", 1, 1000),
    portFallback: false,
    waitForRemote: true,
    ...(readSwitch(words, "ssh") ? { ssh: { users: readTexts(words, "ssh-user"), keep: false } } : {}),
  };
}
