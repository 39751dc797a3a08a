// `runtunnel serve ID`, hidden: the body of a background tunnel. Not parsed by yargs: it must be small and start fast.
import { UsageError } from "../../domain/errors.ts";
import { serveTunnel } from "../../tunnel/serve.ts";
import { CliConfiguration, decodeHandover } from "../configuration.ts";
import { parseLogLevel } from "../options.ts";
import type { World } from "../world.ts";

/** Serves the tunnel with the settings that the launcher hands over on standard input. Returns the exit code. */
export async function runServe(id: string | undefined, world: World): Promise<number> {
  if (id === undefined) throw new UsageError('"serve" needs the id of a tunnel');
  const handover = decodeHandover(await world.readStdin());
  const configuration = new CliConfiguration({
    declarations: world.declarations,
    clientVariables: world.clientVariables,
    flags: handover?.flags ?? {},
    environment: { ...world.environment, ...handover?.environment },
    ...(handover?.profile === undefined ? {} : { profile: handover.profile }),
    configFile: world.configFile,
    readConfigFile: world.readConfigFile,
  });
  const settings = await configuration.load();
  const context = world.createContext({
    configuration,
    logLevel: parseLogLevel(settings.find("log-level"), "INFO"),
    ...(handover === undefined ? {} : { logFile: handover.logFile }),
    progress: { update() {}, done() {}, note: (text) => context.log.info(text) },
  });
  const end = await serveTunnel(id, context, (record) => context.log.info("The tunnel is up", { run: record.runName }));
  context.log.info(end.message);
  return end.reason === "run-over" ? 6 : 0;
}
