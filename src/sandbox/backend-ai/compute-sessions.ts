// The compute sessions of the sandbox and how a name or id finds them.
import { randomUUID } from "node:crypto";
import { NO_SESSION, type Problem } from "./answers.ts";
import type { Release } from "./releases.ts";

/** A service of a session. */
export type SandboxApp = { readonly name: string; readonly protocol: string; readonly ports: readonly number[] };

/** One session. */
export type ComputeSession = {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly accessKey: string;
  readonly type: "INTERACTIVE" | "SYSTEM";
  readonly apps: readonly SandboxApp[];
  /** Whether /home/work/id_container exists. */
  readonly hasKey: boolean;
  readonly createdAt: number;
};

/** What a reference finds. */
export type SessionLookup =
  | { readonly kind: "found"; readonly session: ComputeSession }
  | { readonly kind: "refused"; readonly problem: Problem };

const APPS: readonly SandboxApp[] = [
  { name: "sshd", protocol: "tcp", ports: [2200] },
  { name: "ttyd", protocol: "http", ports: [7681] },
  { name: "jupyter", protocol: "http", ports: [8081] },
  { name: "ports", protocol: "tcp", ports: [9001, 9002] },
];

const DEAD = ["TERMINATED", "CANCELLED", "ERROR"];

/** All sessions; newest first, as the manager lists them. */
export class ComputeSessions {
  readonly #accessKeys: readonly [string, string];
  readonly #release: () => Release;
  #sessions: readonly ComputeSession[];

  /** `accessKeys`: the user's usual key pair, and another one of the same user. */
  constructor(accessKeys: readonly [string, string], release: () => Release) {
    this.#accessKeys = accessKeys;
    this.#release = release;
    this.#sessions = [
      this.#make("demo"),
      this.#make("no-key", { hasKey: false }),
      this.#make("ended", { status: "TERMINATED" }),
      this.#make("waiting", { status: "PENDING" }),
      this.#make("upload", { type: "SYSTEM" }),
      this.#make("twin"),
      this.#make("twin"),
      this.#make("other-key", { accessKey: accessKeys[1] }),
    ];
  }

  get all(): readonly ComputeSession[] {
    return this.#sessions;
  }

  /** The newest session of that name. */
  get(name: string): ComputeSession {
    const session = this.#sessions.find((candidate) => candidate.name === name);
    if (session === undefined) throw new RangeError(`The sandbox has no session "${name}"`);
    return session;
  }

  setStatus(name: string, status: string): void {
    const { id } = this.get(name);
    this.#sessions = this.#sessions.map((session) => (session.id === id ? { ...session, status } : session));
  }

  /** Ends the session and starts another one of the same name: new id, new container. */
  renew(name: string): ComputeSession {
    this.setStatus(name, "TERMINATED");
    const session = this.#make(name);
    this.#sessions = [session, ...this.#sessions];
    return session;
  }

  /** Sessions that an access key may see; exact name or id, ended ones included, newest first. */
  match(reference: string, accessKey: string): readonly ComputeSession[] {
    return this.#sessions
      .filter((session) => session.name === reference || session.id === reference.toLowerCase())
      .filter((session) => this.#release().scope === "user" || session.accessKey === accessKey)
      .slice(0, 10);
  }

  /** The live session that a call means. */
  find(reference: string, accessKey: string, takesIds = true): SessionLookup {
    const found = this.match(reference, accessKey)
      .filter((session) => !DEAD.includes(session.status))
      .filter((session) => takesIds || session.name === reference);
    const [session, ...others] = found;
    if (session === undefined) return { kind: "refused", problem: NO_SESSION };
    if (others.length === 0) return { kind: "found", session };
    return {
      kind: "refused",
      problem: {
        status: 404,
        type: "too-many-sessions-matched",
        title: "Too many sessions matched.",
        code: "session_read_conflict",
        data: { matches: found.map(({ id, name, status }) => ({ id, name, status })) },
      },
    };
  }

  #make(name: string, other: Partial<ComputeSession> = {}): ComputeSession {
    return {
      id: randomUUID(),
      name,
      status: "RUNNING",
      accessKey: this.#accessKeys[0],
      type: "INTERACTIVE",
      apps: APPS,
      hasKey: true,
      createdAt: Date.now(),
      ...other,
    };
  }
}
