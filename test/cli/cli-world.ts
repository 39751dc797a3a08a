// The outside world of the command line for tests: words in, printed text out, nothing else touched.
import { CliConfiguration } from "../../src/cli/configuration.ts";
import { CORE_SETTINGS } from "../../src/cli/core-settings.ts";
import { readText } from "../../src/cli/options.ts";
import { parseCommandLine } from "../../src/cli/program.ts";
import { startOptions } from "../../src/cli/start-options.ts";
import type { Output, World } from "../../src/cli/world.ts";
import { platforms } from "../../src/platforms/catalog.ts";
import type { StartOptions } from "../../src/tunnel/start.ts";

/** What a test may want to be different. */
export type WorldWishes = Partial<World> & { readonly configText?: string };

/** Takes what is printed. */
export function keepingOutput(wishes: Partial<Output> = {}): Output & { text(): string } {
  let printed = "";
  return {
    write: (text) => {
      printed += text;
    },
    steer: (sequences, ...pieces) => {
      printed += String.raw({ raw: sequences }, ...pieces);
    },
    onGone() {},
    isTty: false,
    columns: 80,
    rows: 24,
    hasColor: false,
    ...wishes,
    text: () => printed,
  };
}

/** A world in which nothing can be reached; whoever tries fails loudly. */
export function makeWorld(words: readonly string[], { configText, ...wishes }: WorldWishes = {}): World {
  const unreachable = (): never => {
    throw new Error("Out of the test's world");
  };
  return {
    arguments: words,
    environment: {},
    workingFolder: "/work",
    homeFolder: "/home/ada",
    stdout: keepingOutput(),
    stderr: keepingOutput(),
    configFile: "/home/ada/.config/runtunnel/config.toml",
    declarations: [...CORE_SETTINGS, ...platforms.flatMap((platform) => platform.settings)],
    clientVariables: platforms.flatMap((platform) => platform.clientVariables),
    readConfigFile: async () => configText,
    readStdin: async () => "",
    createContext: unreachable,
    version: "runtunnel 0.0.0 (test)",
    isWindows: false,
    openStdio: unreachable,
    onReload: unreachable,
    serviceManager: unreachable,
    ...wishes,
  };
}

/** The options of the use case that `start` with these words would call, through the real parser and settings. */
export async function readStart(words: readonly string[], wishes: WorldWishes = {}): Promise<StartOptions> {
  const world = makeWorld(words, wishes);
  const line = await parseCommandLine(world);
  if (line.kind === "help") throw new Error("Help was printed");
  const flags: Record<string, string> = {};
  for (const { flag, key, kind } of world.declarations) {
    const text = flag === undefined || kind === "boolean" ? undefined : readText(line.words, flag);
    if (text !== undefined) flags[key] = text;
  }
  const configuration = new CliConfiguration({ ...world, flags });
  return startOptions(line.words, await configuration.load(), world.workingFolder, world.homeFolder);
}
