// A platform context over given variables and files, and a sandbox with an echo behind every port of its sessions.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackendAi } from "../../../src/platforms/backend-ai/backend-ai.ts";
import type { Platform, ResolvedRun, ResolveOptions } from "../../../src/platforms/platform.ts";
import {
  type BackendAiSandbox,
  type BackendAiSandboxOptions,
  startBackendAiSandbox,
} from "../../../src/sandbox/backend-ai/backend-ai-sandbox.ts";
import { echo, startServer } from "../../support/echo-server.ts";
import { makeContext, makeOptions } from "../platform-context.ts";

/** What a test wants to say about the configuration. */
export type Wishes = {
  readonly environment?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly homeFolder?: string;
};

/** A sandbox, an echo server and whatever else must go when the test is over. */
export class World implements AsyncDisposable {
  readonly platform: Platform = createBackendAi({ random: () => 0 });
  readonly sandbox: BackendAiSandbox;
  readonly #closers: (() => void)[] = [];

  private constructor(sandbox: BackendAiSandbox) {
    this.sandbox = sandbox;
  }

  static async start(options: Partial<BackendAiSandboxOptions> = {}): Promise<World> {
    const server = await startServer(echo);
    const sandbox = await startBackendAiSandbox({
      target: () => ({ host: "127.0.0.1", port: server.port }),
      ...options,
    });
    const world = new World(sandbox);
    world.onClose(() => void server.close());
    return world;
  }

  onClose(close: () => void): void {
    this.#closers.push(close);
  }

  resolve(name: string, options: Partial<ResolveOptions> = {}, wishes: Wishes = {}): Promise<ResolvedRun> {
    const environment = { ...this.sandbox.environment, ...wishes.environment };
    const context = makeContext({ ...wishes, environment, now: Date.now() });
    return this.platform.resolve(name, makeOptions({ retries: 2, ...options }), context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.close();
    for (const close of this.#closers) close();
  }
}

/** A scratch folder that is removed when the test is over. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "runtunnel-backend-ai-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The AppError that a promise rejects with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; hop?: string; hint?: string }> {
  const outcome: unknown = await promise.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  );
  return outcome instanceof Error ? outcome : new Error(String(outcome));
}
