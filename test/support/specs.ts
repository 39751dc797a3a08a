// Tunnels as data, for tests that care about few of their fields.
import type { ProcessIdentity } from "../../src/domain/process-identity.ts";
import type { TunnelSpec } from "../../src/domain/tunnel-spec.ts";
import type { TunnelRecord } from "../../src/registry/record.ts";

/** A plain tunnel from 4567 to port 22 of run 56819. */
export function makeSpec(wishes: Partial<TunnelSpec> = {}): TunnelSpec {
  return {
    platform: "cloud-pipeline",
    run: "56819",
    ports: [{ local: 4567, remote: 22 }],
    listenAddress: "127.0.0.1",
    portFallback: false,
    direct: false,
    connectTimeoutMs: 10_000,
    retries: 10,
    holdMs: 10_000,
    waitForRemote: false,
    ...wishes,
  };
}

/** The identity of a process that need not exist. */
export function makeIdentity(pid: number, startedAt = "100"): ProcessIdentity {
  return { pid, startedAt, bootId: "boot" };
}

/** A ready tunnel of user `ada` on machine `desk`, served by process 101. */
export function makeRecord(wishes: Partial<TunnelRecord> = {}): TunnelRecord {
  return {
    id: "56819-0a1b2c3d",
    spec: makeSpec(),
    runName: "pipeline-56819",
    state: "ready",
    machine: "desk",
    owner: "ada",
    process: makeIdentity(101),
    launcher: makeIdentity(100),
    createdAt: 1_700_000_000_000,
    mode: "background",
    warnings: [],
    journal: [],
    ...wishes,
  };
}
