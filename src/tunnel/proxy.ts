// `proxy`: joins two given streams to a port of a run, without a local port; what OpenSSH calls a ProxyCommand.
import type { ByteStream } from "../domain/byte-stream.ts";
import type { TunnelSpec } from "../domain/tunnel-spec.ts";
import { pump } from "../relay/pump.ts";
import { type AppContext, platformContext } from "./context.ts";
import { dialHeld } from "./held-dial.ts";
import { identifyRun } from "./identify-run.ts";
import { LiveRoute } from "./live-route.ts";
import { resolveRun } from "./run-access.ts";

/** `proxy` as asked for. */
export type ProxyOptions = Pick<
  TunnelSpec,
  "direct" | "region" | "actAs" | "app" | "connectTimeoutMs" | "retries" | "holdMs"
> & {
  readonly run: string;
  readonly platform?: string;
  readonly port: number;
};

/** Resolves when both directions have ended. Throws the AppError of the hop that failed. */
export async function proxyPort(options: ProxyOptions, local: ByteStream, context: AppContext): Promise<void> {
  const { run, platform, port, ...rest } = options;
  const reference = await identifyRun(run, platform, context.platforms, await platformContext(context));
  const route = new LiveRoute({
    resolve: () => resolveRun({ ...rest, platform: reference.platform, run: reference.id }, context, context.signal),
    transports: context.transports,
    clock: context.clock,
    log: context.log,
    onNewIncarnation: () => undefined,
  });
  try {
    const remote = await dialHeld(port, context.signal, {
      ...rest,
      route,
      clock: context.clock,
      random: context.random,
      onSuccess: () => undefined,
      onFailure: (error) => context.log.info(`Cannot reach the run: ${error}`),
    });
    await pump(local, remote, context);
  } finally {
    route.close();
  }
}
