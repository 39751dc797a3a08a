// The ports of a wanted tunnel, where the platform knows services by name and the user need not know numbers. Pure.
import { type PortPair, pairPorts } from "../domain/ports.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import type { Platform } from "../platforms/platform.ts";

/** The service that is meant where none is named, and the port that stands for it. */
const SSH_APP = "sshd";
const SSH_PORT = 22;

/** The pairs to serve. A remote port 0 is the port of the app itself. Throws UsageError where none can be told. */
export function decidePorts(
  options: { readonly spec: Pick<TunnelSpec, "app" | "ports">; readonly remotePortsGiven: boolean },
  platform: Pick<Platform, "hasApps">,
): readonly PortPair[] {
  const { app, ports } = options.spec;
  if (platform.hasApps !== true) {
    if (ports.length === 0) return pairPorts(undefined, undefined);
    return ports.some(({ remote }) => remote === 0) ? pairPorts([0], undefined) : ports;
  }
  if (options.remotePortsGiven) return ports;
  const remote = app === undefined || app === SSH_APP ? SSH_PORT : 0;
  return ports.length === 0 ? [{ local: 0, remote }] : ports.map(({ local }) => ({ local, remote }));
}
