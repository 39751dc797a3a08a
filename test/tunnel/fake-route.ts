// A way to a run whose dials do what a test says, without any network.
import type { ByteStream } from "../../src/domain/byte-stream.ts";
import type { Clock } from "../../src/domain/clock.ts";
import { SILENT_LOG } from "../../src/domain/log.ts";
import type { ResolvedRun } from "../../src/platforms/platform.ts";
import type { Dialer, DialOptions, Transport } from "../../src/transports/transport.ts";
import { LiveRoute } from "../../src/tunnel/live-route.ts";
import { makeRun } from "./tunnel-world.ts";

/** What happens at a dial: called with its number, from 1. */
export type DialScript = (turn: number, port: number, options: DialOptions) => Promise<ByteStream> | ByteStream;

/** A transport named `fake` that counts. */
export class FakeTransport implements Transport {
  readonly name = "fake";
  dials = 0;
  opened = 0;
  closed = 0;
  readonly #script: DialScript;

  constructor(script: DialScript) {
    this.#script = script;
  }

  open(): Dialer {
    this.opened += 1;
    return {
      dial: async (port, options) => {
        this.dials += 1;
        return this.#script(this.dials, port, options);
      },
      close: () => {
        this.closed += 1;
      },
    };
  }
}

/** A live route over that transport; `resolve` is called with its number, from 1. */
export function makeLiveRoute(
  transport: Transport,
  clock: Clock,
  resolve: (turn: number) => Promise<ResolvedRun> = async () => fakeRun(),
  onNewIncarnation: (run: ResolvedRun) => void = () => undefined,
): { readonly route: LiveRoute; readonly resolves: () => number } {
  let turns = 0;
  const route = new LiveRoute({
    resolve: () => {
      turns += 1;
      return resolve(turns);
    },
    transports: [transport],
    clock,
    log: SILENT_LOG,
    onNewIncarnation,
  });
  return { route, resolves: () => turns };
}

/** A run behind the fake transport. */
export function fakeRun(wishes: Partial<ResolvedRun> = {}): ResolvedRun {
  return makeRun({ route: { transport: "fake", host: "10.0.0.1" }, ...wishes });
}
