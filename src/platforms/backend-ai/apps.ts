// The services of a session ("apps"): what they are called and which ports they have inside it.
import * as v from "valibot";
import { NotFoundError } from "../../domain/errors.ts";
import type { BackendAiApi } from "./api.ts";
import type { FoundSession } from "./sessions.ts";

/** One service. */
export type App = { readonly name: string; readonly protocol: string; readonly ports: readonly number[] };

/** The services, and the spelling of the session that the server's stream calls take. */
export type SessionApps = { readonly reference: string; readonly apps: readonly App[] };

/** Port that people mean when they mean SSH, whatever it is inside the session. */
const SSH_PORT = 22;

/** The service that gives a shell; it carries SFTP too. */
export const SSH_APP = "sshd";

const schema = v.array(
  v.object({
    name: v.string(),
    protocol: v.optional(v.string(), "tcp"),
    ports: v.optional(v.array(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535))), []),
  }),
);

/** Asks for the services by id, and by name where the server takes no ids there (some releases of 2026). */
export async function getApps(api: BackendAiApi, session: FoundSession): Promise<SessionApps> {
  if (session.id === undefined) return askApps(api, session.name);
  try {
    return await askApps(api, session.id);
  } catch (error) {
    if (!(error instanceof NotFoundError) || session.name === session.id) throw error;
    return askApps(api, session.name);
  }
}

async function askApps(api: BackendAiApi, reference: string): Promise<SessionApps> {
  const answer = await api.call({
    action: `Cannot list the apps of session "${reference}"`,
    path: `/stream/session/${encodeURIComponent(reference)}/apps`,
  });
  const decoded = v.safeParse(schema, answer.body);
  return { reference, apps: decoded.success ? decoded.output : [] };
}

/** The app of that name. Throws NotFoundError naming those that exist. */
export function getApp(apps: readonly App[], name: string, session: string): App {
  const found = apps.find((app) => app.name === name);
  if (found !== undefined) return found;
  const names = apps.map((app) => app.name).join(", ");
  throw new NotFoundError(`Session "${session}" has no app "${name}"`, {
    code: "no-such-app",
    hop: "remote-port",
    hint: names === "" ? "The session offers no apps: its image may be too old" : `Choose with --app: ${names}`,
  });
}

/** The remote port to show where the user gave none. */
export function defaultPort(app: App): number | undefined {
  return app.name === SSH_APP ? SSH_PORT : app.ports[0];
}

/** Port inside the session for a remote port as users name it. Throws NotFoundError for ports the app does not have. */
export function containerPort(app: App, remotePort: number): number {
  if (app.ports.includes(remotePort)) return remotePort;
  const [first] = app.ports;
  if (app.name === SSH_APP && remotePort === SSH_PORT && first !== undefined) return first;
  // The server then takes the app's only port by itself.
  if (first === undefined) return remotePort;
  const ports = app.name === SSH_APP ? [SSH_PORT, ...app.ports] : app.ports;
  throw new NotFoundError(`App "${app.name}" has no port ${remotePort}`, {
    code: "no-such-port",
    hop: "remote-port",
    hint: `Choose with --remote-port: ${ports.join(", ")}; other services are reached with --app`,
  });
}
