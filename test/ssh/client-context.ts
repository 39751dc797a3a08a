// A context for SSH clients over a scratch home.
import { join } from "node:path";
import { processesOf } from "../../src/os/processes/catalog.ts";
import { systemClock } from "../../src/os/system-clock.ts";
import type { ClientContext, SshHost } from "../../src/ssh/clients/client.ts";
import { runProgram } from "../../src/ssh/run-program.ts";

const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV";

/** A context whose files all lie below `home`. */
export function clientContext(home: string): ClientContext {
  const processes = processesOf("linux");
  return {
    system: "linux",
    homeFolder: home,
    environment: {},
    keyFolder: join(home, "state/keys"),
    lock: {
      self: processes.self(),
      isAlive: (identity) => processes.isAlive(identity),
      machine: "here",
      clock: systemClock(),
    },
    run: runProgram,
  };
}

/** A host that nobody connects to. */
export function someHost(home: string, change: Partial<SshHost> = {}): SshHost {
  return {
    alias: "pipeline-56819",
    owner: "t1",
    address: "127.0.0.1",
    port: 4567,
    users: ["root"],
    identityFile: join(home, "state/keys/k"),
    ppkFile: join(home, "state/keys/k.ppk"),
    hostKeys: [{ type: "ssh-ed25519", base64: KEY }],
    hostKeyAlias: "pipeline-56819",
    sshFolder: join(home, ".ssh"),
    ...change,
  };
}
