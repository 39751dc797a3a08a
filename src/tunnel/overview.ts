// Where one stands: which platforms are configured, which tunnels run. Asks nobody but the tunnels on this machine.
import { AppError } from "../domain/errors.ts";
import { type AppContext, platformContext } from "./context.ts";
import { type ListedTunnel, listTunnels } from "./list.ts";

/** One platform that asks for configuration. */
export type PlatformStanding = {
  readonly name: string;
  readonly title: string;
  readonly state: "configured" | "broken" | "not-configured";
  /** Addresses of the service, where it is configured. */
  readonly addresses: readonly string[];
  /** What keeps it from working, as far as that can be told without asking. */
  readonly problem?: string;
};

/** All platforms that ask for configuration, and all tunnels. */
export type Overview = {
  readonly platforms: readonly PlatformStanding[];
  readonly tunnels: readonly ListedTunnel[];
};

/** Looks at configuration and registry. Settings that cannot be read make every platform a broken one. */
export async function lookAround(context: AppContext): Promise<Overview> {
  const [platforms, { tunnels }] = await Promise.all([standings(context), listTunnels({}, context)]);
  return { platforms, tunnels };
}

async function standings(context: AppContext): Promise<readonly PlatformStanding[]> {
  const asking = context.platforms.filter(({ describeAccess }) => describeAccess !== undefined);
  return Promise.all(
    asking.map(async (platform): Promise<PlatformStanding> => {
      const { name, title } = platform;
      try {
        const asPlatform = await platformContext(context);
        if (!(await platform.isConfigured(asPlatform))) return { name, title, state: "not-configured", addresses: [] };
        const access = await platform.describeAccess?.(asPlatform);
        return { name, title, state: "configured", addresses: access?.endpoints.map(({ url }) => url) ?? [] };
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { name, title, state: "broken", addresses: [], problem: error.message };
      }
    }),
  );
}
