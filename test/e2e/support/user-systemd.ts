// A real systemd user manager, without a booted systemd: in a mount namespace of its own, over a scratch home.
import { access } from "node:fs/promises";
import { join } from "node:path";
import { collectOutput } from "../../support/collect-output.ts";
import { eventually } from "../../support/eventually.ts";
import { type CliResult, cliCommand, cliEnvironment } from "../../support/run-cli.ts";

const SETUP = [
  "mount -t tmpfs tmpfs /run",
  "mkdir -p /run/systemd/system /run/user/0",
  "chmod 700 /run/user/0",
  "exec /lib/systemd/systemd --user --log-target=console --log-level=warning",
].join(" && ");

/** A running manager. Whatever it started is ended with it at the end of the `await using` block. */
export class UserSystemd implements AsyncDisposable {
  readonly #manager: Bun.ReadableSubprocess;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #home: string;

  private constructor(manager: Bun.ReadableSubprocess, environment: Readonly<Record<string, string>>, home: string) {
    this.#manager = manager;
    this.#environment = environment;
    this.#home = home;
  }

  /** Starts a manager for a user with this home. */
  static async start(home: string): Promise<UserSystemd> {
    const environment = cliEnvironment({ home, env: { XDG_RUNTIME_DIR: "/run/user/0" } });
    const manager = Bun.spawn({
      cmd: ["unshare", "--mount", "sh", "-c", SETUP],
      env: environment,
      cwd: home,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const systemd = new UserSystemd(manager, environment, home);
    await eventually(async () => {
      if (manager.exitCode !== null) throw new Error(await new Response(manager.stderr).text());
      await access(`/proc/${manager.pid}/root/run/user/0/systemd/private`);
    });
    return systemd;
  }

  /** Runs a command where the manager is. */
  async run(command: readonly string[]): Promise<CliResult> {
    const child = Bun.spawn({
      cmd: ["nsenter", `--target=${this.#manager.pid}`, "--mount", `--wdns=${this.#home}`, "--", ...command],
      env: this.#environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    return collectOutput(child);
  }

  /** Runs a command that must succeed, and returns what it printed. */
  async must(command: readonly string[]): Promise<string> {
    const result = await this.run(command);
    if (result.exitCode !== 0) throw new Error(`${command.join(" ")}: ${result.exitCode} ${result.stderr}`);
    return result.stdout;
  }

  /** Runs our program where the manager is; it must succeed. */
  cli(words: readonly string[]): Promise<string> {
    return this.must([...cliCommand(), ...words]);
  }

  systemctl(...words: readonly string[]): Promise<string> {
    return this.must(["systemctl", "--user", ...words]);
  }

  /** One property of a unit as systemd has it. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.systemctl("show", unit, `--property=${property}`, "--value")).trim();
  }

  unitPath(unit: string): string {
    return join(this.#home, ".config", "systemd", "user", unit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The manager ends its units at SIGTERM, and itself.
    this.#manager.kill("SIGTERM");
    const hard = setTimeout(() => this.#manager.kill("SIGKILL"), 5000);
    await this.#manager.exited;
    clearTimeout(hard);
  }
}
