// The world of the use cases for tests: a scratch state folder, a platform that resolves to loopback, no network else.
import { join } from "node:path";
import { SILENT_LOG } from "../../src/domain/log.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import type { Platform, ResolvedRun } from "../../src/platforms/platform.ts";
import { Registry } from "../../src/registry/store.ts";
import { direct } from "../../src/transports/direct/direct.ts";
import type { AppContext } from "../../src/tunnel/context.ts";
import { FakeProcesses } from "../support/fake-processes.ts";

/** A context whose notes and progress can be read back. */
export type TestContext = AppContext & { readonly notes: string[]; readonly updates: string[] };

/** What a test may want to be different. */
export type ContextWishes = Partial<AppContext> & { readonly home: string };

/** A context over `home`; nothing is shared between two of them but the files. */
export function makeAppContext({ home, ...wishes }: ContextWishes): TestContext {
  const notes: string[] = [];
  const updates: string[] = [];
  const clock = wishes.clock ?? systemClock();
  const processes = wishes.processes ?? new FakeProcesses();
  const state = join(home, "state");
  return {
    clock,
    random: () => 0,
    log: SILENT_LOG,
    system: "linux",
    folders: { state, config: join(home, "config"), home, ssh: join(home, ".ssh") },
    workingFolder: home,
    processes,
    registry: new Registry({ stateFolder: state, processes, clock }),
    platforms: [makePlatform()],
    transports: [direct],
    sshClients: [],
    userEnvironment: {},
    configuration: {
      load: async () => ({ find: () => undefined }),
      environment: {},
      handover: () => "",
      childEnvironment: {},
    },
    progress: { update: (text) => updates.push(text), note: (text) => notes.push(text), done() {} },
    signal: new AbortController().signal,
    ...wishes,
    notes,
    updates,
  };
}

/** A run that is reached directly on loopback. */
export function makeRun(wishes: Partial<ResolvedRun> = {}): ResolvedRun {
  return {
    platform: "test",
    id: "1",
    name: "run-1",
    incarnation: "first",
    route: { transport: "direct", host: "127.0.0.1" },
    notes: [],
    ...wishes,
  };
}

/** A platform named `test`, prefix `t`, that knows every name of small letters and digits. */
export function makePlatform(wishes: Partial<Platform> = {}): Platform {
  return {
    name: "test",
    prefix: "t",
    title: "Test Platform",
    settings: [],
    clientVariables: [],
    recognise: (name) =>
      /^(?:run-)?[a-z0-9]+$/.test(name) ? { id: name.replace("run-", ""), claim: "likely" } : undefined,
    displayName: (id) => `run-${id}`,
    isConfigured: async () => true,
    describeConfiguration: async () => [],
    findSecrets: async () => [],
    resolve: async (id) => makeRun({ id, name: `run-${id}` }),
    ...wishes,
  };
}
