// Tunnels that a file wants, for tests of whoever brings them about.
import type { TunnelSpec } from "../../src/domain/tunnel-spec.ts";
import { digestOf, type ProjectEntry, type WantedTunnel } from "../../src/tunnel/project/project.ts";
import { makeSpec } from "../support/specs.ts";

/** The file of all wanted tunnels. */
export const FILE = "/p/tunnels.toml";

/** An entry with this name and, unless told otherwise, port 4567. */
export function makeWanted(name: string, wishes: Partial<TunnelSpec> = {}): WantedTunnel {
  const spec = makeSpec(wishes);
  const { platform: _platform, run, ...rest } = spec;
  const entry: ProjectEntry = {
    name,
    start: { run, spec: rest, remotePortsGiven: true, timeoutMs: 1000, stopTimeoutMs: 1000 },
    flags: {},
    configuration: {
      load: async () => ({ find: () => undefined }),
      environment: {},
      handover: () => "",
      childEnvironment: {},
    },
    where: `"${FILE}", line 1`,
  };
  return {
    entry,
    spec,
    runName: `pipeline-${run}`,
    managedBy: { file: FILE, entry: name, digest: digestOf(spec, entry) },
  };
}
