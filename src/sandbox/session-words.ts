// Commands about the sandbox's sessions: `session end demo`, `session restart demo`, `session list`.
import { UsageError } from "../domain/errors.ts";
import type { BackendAiSandbox } from "./backend-ai/backend-ai-sandbox.ts";
import type { SessionHosts } from "./session-hosts.ts";

/** The sessions and the machines behind them. */
export type Sessions = { readonly manager: BackendAiSandbox; readonly hosts: SessionHosts };

/** Obeys one command and returns the answer. Throws UsageError. */
export async function obeySessionWords({ manager, hosts }: Sessions, words: readonly string[]): Promise<string> {
  const [verb, name = ""] = words;
  switch (verb) {
    case "list":
      return manager.sessions.all.map((session) => `${session.name} ${session.status} ${session.id}`).join("\n");
    case "end":
      manager.endSession(name);
      await hosts.end(name);
      return `Session ${name} has ended`;
    case "restart":
      manager.endSession(name);
      await hosts.end(name);
      return `Session ${name} is another one now: ${manager.sessions.renew(name).id}`;
    default:
      throw new UsageError("Say session list, session end NAME or session restart NAME");
  }
}
