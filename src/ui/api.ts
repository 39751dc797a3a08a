// What the page and its server say to each other: the page's requests and the server's answers, both from one build. Times
// are in milliseconds since 1970. Nothing here touches a browser or a server, so that both sides may import it.

/** Names of the request headers and paths that both sides use. */
export const KEY_HEADER = "x-runtunnel-key";

/** Body of `POST /api/session`: the one-time token of the link. */
export type SessionRequest = { readonly token: string };

/** The second half of a session; the first is a cookie that no script can read. */
export type SessionAnswer = { readonly key: string };

/** Bytes in each direction since the sample before it, per second. */
export type TrafficSample = { readonly at: number; readonly upPerSecond: number; readonly downPerSecond: number };

/** One probe or dial that ended. */
export type RoundTripSample = { readonly at: number; readonly ok: boolean; readonly roundTripMs?: number };

/** A time during which a tunnel was not healthy. */
export type UiOutage = { readonly from: number; readonly to?: number; readonly message: string };

/** One tunnel as the page shows it. */
export type UiTunnel = {
  readonly id: string;
  /** The run's name for people. */
  readonly name: string;
  readonly run: string;
  readonly platform: string;
  readonly platformTitle: string;
  readonly state: string;
  readonly listenAddress: string;
  readonly ports: readonly { readonly local: number; readonly remote: number }[];
  readonly app?: string;
  readonly pid?: number;
  readonly owner: string;
  readonly isMine: boolean;
  readonly machine: string;
  readonly mode: string;
  /** Entry and file, where a service or `up` started it. */
  readonly managedBy?: { readonly entry: string; readonly file: string };
  readonly createdAt: number;
  readonly readyAt?: number;
  /** What it is doing while it starts. */
  readonly phase?: string;
  readonly warnings: readonly string[];
  readonly logFile?: string;
  readonly alias?: string;
  /** Who has the private key of the run: the tunnel with passwordless SSH, or the platform. */
  readonly keyFrom?: "tunnel" | "platform";
  /** Whether something behind it speaks SSH, as far as ports tell. */
  readonly hasSsh: boolean;
  readonly trouble?: { readonly message: string; readonly hint?: string; readonly since?: number };
  /** Absent where the tunnel could not be asked. */
  readonly figures?: {
    readonly route: string;
    readonly openConnections: number;
    readonly totalConnections: number;
    readonly failedConnections: number;
    readonly bytesUp: number;
    readonly bytesDown: number;
    readonly inFlightBytes: number;
    readonly roundTripMs?: number;
    readonly lastByteAt?: number;
  };
  readonly roundTrips: readonly RoundTripSample[];
  readonly traffic: readonly TrafficSample[];
  readonly outages: readonly UiOutage[];
};

/** Answer of `GET /api/state`. */
export type UiState = {
  readonly now: number;
  readonly version: string;
  readonly user: string;
  readonly machine: string;
  readonly platforms: readonly { readonly name: string; readonly title: string; readonly isConfigured: boolean }[];
  readonly tunnels: readonly UiTunnel[];
  /** Files in the registry that are no records. */
  readonly damaged: readonly { readonly path: string; readonly problem: string }[];
};

/** Answer of `GET /api/runs`: the user's runs that are not over, those first that a tunnel can be opened to. */
export type RunsAnswer = {
  readonly runs: readonly UiRun[];
  /** Platforms that did not answer. */
  readonly failures: readonly { readonly platform: string; readonly message: string }[];
};

/** One run to choose. */
export type UiRun = {
  /** What to type to mean it. */
  readonly reference: string;
  readonly name: string;
  readonly platformTitle: string;
  /** The platform's own word. */
  readonly state: string;
  readonly isReady: boolean;
  readonly image?: string;
  readonly startedAt?: string;
  readonly hasTunnel: boolean;
};

/** What to do with a tunnel that is already on the wanted ports. */
export type ExistingPolicy = "refuse" | "keep-same" | "replace";

/** Body of `POST /api/tunnels`: the fields of the dialog, as typed. Empty texts count as absent. */
export type StartForm = {
  readonly run: string;
  readonly platform: string;
  readonly localPort: string;
  readonly remotePort: string;
  readonly ssh: boolean;
  readonly sshUser: string;
  readonly alias: string;
  readonly identity: string;
  readonly app: string;
  readonly direct: boolean;
  readonly existing: ExistingPolicy;
};

/** Answer of `POST /api/tunnels`. */
export type StartAnswer = { readonly id: string; readonly kept: boolean; readonly notes: readonly string[] };

/** Body of `POST /api/tunnels/ID/stop`. */
export type StopRequest = { readonly force: boolean };

/** Answer of `POST /api/tunnels/ID/stop`. */
export type StopAnswer = { readonly how: string };

/** Answer of `POST /api/tunnels/ID/check`: every hop of the way, in order. */
export type CheckAnswer = { readonly checks: readonly UiCheck[] };

/** What was found at one hop. */
export type UiCheck = {
  readonly title: string;
  readonly subject: string;
  readonly state: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly tookMs?: number;
  readonly hint?: string;
};

/** Formats of `GET /api/tunnels/ID/key?format=...`. */
export const KEY_FORMATS = ["openssh", "pem", "ppk", "ppk2"] as const;

/** One of them; `ppk2` is the older PPK that old programs want. */
export type UiKeyFormat = (typeof KEY_FORMATS)[number];

/** Answer of `GET /api/tunnels/ID/log`. */
export type LogAnswer = { readonly path: string; readonly text: string };

/** Every answer whose status is not 200. */
export type UiFailure = {
  readonly error: { readonly code: string; readonly hop?: string; readonly message: string; readonly hint?: string };
};
