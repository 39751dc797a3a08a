// From an app of a session to a route: through the manager's WebSocket, the app proxy, or straight to the agent.
import type { Endpoint } from "../../domain/endpoint.ts";
import { NotFoundError } from "../../domain/errors.ts";
import type { Route } from "../../domain/route.ts";
import type { PlatformContext, ResolveOptions } from "../platform.ts";
import { getDirectAccess, openAppProxyPort } from "./app-proxy.ts";
import { type App, containerPort, SSH_APP } from "./apps.ts";
import type { Dependencies, OpenEndpoint } from "./open-endpoint.ts";
import type { FoundSession } from "./sessions.ts";

/** What is to be reached. */
export type Destination = {
  readonly session: FoundSession;
  /** Spelling of the session that the server's stream calls take. */
  readonly reference: string;
  readonly app: App;
};

/** The web UI hides that the far side is gone, and answers pings itself. A session's SSH server drops clients that have
 * not logged in after 300 s, and sends something every 15 s to those that have: so this much silence is its death. */
const SILENCE_BEHIND_WEB_UI = { afterMs: 310_000, limitMs: 60_000 } as const;

/** Chooses the way that was asked for. */
export async function routeToApp(
  destination: Destination,
  options: ResolveOptions,
  endpoint: OpenEndpoint,
  context: PlatformContext,
  dependencies: Dependencies,
): Promise<Route> {
  const way = options.direct ? "direct" : endpoint.config.way;
  switch (way) {
    case "manager":
      return managerRoute(destination, endpoint);
    case "app-proxy":
      return pinnedRoute(await openPort(destination, options, endpoint, context, dependencies), destination.app);
    case "direct":
      return pinnedRoute(
        await getDirectAccess(endpoint.api, destination.reference, destination.app.name),
        destination.app,
      );
  }
}

function managerRoute({ session, reference, app }: Destination, { api, tls }: OpenEndpoint): Route {
  // An app's first port is what the server takes by itself; only apps with several need to be told.
  const port = app.ports.length > 1 ? "&port={port}" : "";
  const path = `/stream/session/${encodeURIComponent(reference)}/tcpproxy?app=${encodeURIComponent(app.name)}`;
  const greets = app.name === SSH_APP;
  return {
    transport: "websocket",
    host: session.name,
    via: {
      url: `${api.webSocketUrl(path)}${port}`,
      headers: (request) => api.upgradeHeaders(request),
      tls,
      greets,
      ...(greets && api.usesWebLogin ? { silence: SILENCE_BEHIND_WEB_UI } : {}),
    },
    dialPort: (remotePort) => containerPort(app, remotePort),
  };
}

function pinnedRoute({ host, port }: Endpoint, app: App): Route {
  return {
    transport: "direct",
    host,
    dialPort: (remotePort) => {
      // Only one port was opened: the app's first one.
      if (remotePort === port || containerPort(app, remotePort) === (app.ports[0] ?? remotePort)) return port;
      throw new NotFoundError(`Only the first port of app "${app.name}" can be reached this way`, {
        code: "no-such-port",
        hop: "remote-port",
        hint: "Go through the manager: leave out --via and --direct",
      });
    },
  };
}

function openPort(
  { session, reference, app }: Destination,
  options: ResolveOptions,
  { api, config, tls }: OpenEndpoint,
  context: PlatformContext,
  dependencies: Dependencies,
): Promise<Endpoint> {
  if (session.id === undefined) {
    throw new NotFoundError("This Backend.AI server tells no session ids, which its app proxy asks for", {
      code: "no-session-id",
      hop: "api",
      hint: "Go through the manager: leave out --via app-proxy",
    });
  }
  return openAppProxyPort({
    api,
    reference,
    sessionId: session.id,
    app: app.name,
    context,
    tls,
    proxy: config.proxy,
    signal: options.signal,
    ...(dependencies.fetch === undefined ? {} : { fetch: dependencies.fetch }),
  });
}
