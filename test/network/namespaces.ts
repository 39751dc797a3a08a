// Three machines of the kernel's own: a workstation, a router and a run, joined by virtual cables and by nothing else.
// Their addresses lie in 127.0.0.0/8, so that no packet could mean anybody else even if it got out.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { collectOutput } from "../support/collect-output.ts";
import { eventually } from "../support/eventually.ts";
import { requirePeer } from "../support/peers.ts";
import { cliCommand, cliEnvironment } from "../support/run-cli.ts";
import { type TempHome, tempHome } from "../support/temp-home.ts";

/** Address of the run. */
const RUN = "127.77.2.2";
const WORKSTATION = "127.77.1.2";
/** The workstation's address in another network of the same router. */
const OTHER_ADDRESS = "127.77.1.9";

/** Whether namespaces can be made here: by root on Linux, where a container allows it. */
export const hasNamespaces = canMakeNamespaces();

function canMakeNamespaces(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || !requirePeer("ip", "sshd", "ssh")) return false;
  const name = `rt-probe-${process.pid}`;
  const made = Bun.spawnSync(["ip", "netns", "add", name]).exitCode === 0;
  if (made) Bun.spawnSync(["ip", "netns", "del", name]);
  return made;
}

/** A program that runs inside, to be talked to line by line. */
export class Session {
  readonly #child: Bun.PipedSubprocess;
  text = "";

  constructor(child: Bun.PipedSubprocess) {
    this.#child = child;
    void this.#collect();
  }

  write(text: string): void {
    this.#child.stdin.write(text);
    void this.#child.stdin.flush();
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) this.text += decoder.decode(chunk, { stream: true });
  }
}

let networks = 0;

/** One such network with an SSH server in the run. Everything is gone at the end of the `await using` block. */
export class Network implements AsyncDisposable {
  readonly #names: { readonly workstation: string; readonly router: string; readonly run: string };
  readonly #home: TempHome;
  #sshd: Bun.Subprocess | undefined;

  private constructor(home: TempHome) {
    networks += 1;
    const tag = `rt${process.pid}-${networks}`;
    this.#names = { workstation: `${tag}-w`, router: `${tag}-r`, run: `${tag}-t` };
    this.#home = home;
  }

  static async open(): Promise<Network> {
    const network = new Network(await tempHome());
    try {
      await network.#build();
      await network.#startSshServer();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  get home(): string {
    return join(this.#home.path, "user");
  }

  /** Runs this program on the workstation. */
  async cli(words: readonly string[]): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    const child = Bun.spawn({
      cmd: this.#inside("workstation", [...cliCommand(), ...words]),
      cwd: this.home,
      env: cliEnvironment({ home: this.home }),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    return collectOutput(child);
  }

  /** Starts a tunnel to the run's SSH and returns its local port. */
  async startTunnel(): Promise<number> {
    const result = await this.cli(["start", RUN, "--platform", "host", "-lp", "0", "-rp", "22", "-ct", "4", "--json"]);
    if (result.exitCode !== 0) throw new Error(`start: ${result.stderr}`);
    return (JSON.parse(result.stdout) as { ports: readonly { local: number }[] }).ports[0]?.local ?? 0;
  }

  /** Opens an SSH session through a local port of the workstation. */
  ssh(port: number, command: string): Session {
    const files = join(this.#home.path, "sshd");
    const quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
    const login = ["-F", "none", "-i", join(files, "user"), "-p", String(port), "root@127.0.0.1", command];
    return new Session(
      Bun.spawn(this.#inside("workstation", ["ssh", ...quiet, ...login]), {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      }),
    );
  }

  /** The router drops every packet between workstation and run, without a word. */
  async drop(): Promise<void> {
    await this.#ip("router", `route replace blackhole ${RUN}/32`);
    await this.#ip("router", "route replace blackhole 127.77.1.0/25");
  }

  async undrop(): Promise<void> {
    await this.#ip("router", `route del blackhole ${RUN}/32`);
    await this.#ip("router", "route del blackhole 127.77.1.0/25");
  }

  /** Pulls the workstation's cable; its routes go with it. */
  async unplug(): Promise<void> {
    await this.#ip("workstation", "link set vw down");
  }

  async plugIn(): Promise<void> {
    await this.#ip("workstation", "link set vw up");
    await this.#route(WORKSTATION);
  }

  /** The workstation comes into another network: its old address is gone. */
  async changeAddress(): Promise<void> {
    await this.#ip("workstation", `addr add ${OTHER_ADDRESS}/24 dev vw scope global`);
    await this.#ip("workstation", `addr del ${WORKSTATION}/24 dev vw`);
    // The second address of a network may go with the first.
    await this.#ip("workstation", `addr replace ${OTHER_ADDRESS}/24 dev vw scope global`);
    await this.#route(OTHER_ADDRESS);
  }

  /** Packets of more than so many bytes vanish on their way from the run, and nobody is told: the black hole of VPNs. The
   * run goes on sending large ones, since no cable of its own is narrow. */
  async shrink(bytes: number): Promise<void> {
    await this.#ip("router", `link set rw mtu ${bytes}`);
    // The router's word about it is what gets lost.
    await this.#ip("router", "rule add iif lo ipproto icmp blackhole");
  }

  async widen(): Promise<void> {
    await this.#ip("router", "link set rw mtu 1500");
    await this.#ip("router", "rule del iif lo ipproto icmp blackhole");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli(["stop", "--force"]).catch(() => undefined);
    this.#sshd?.kill("SIGKILL");
    await this.#sshd?.exited;
    for (const name of Object.values(this.#names)) {
      for (const pid of Bun.spawnSync(["ip", "netns", "pids", name]).stdout.toString().split("\n").filter(Boolean)) {
        endProcess(Number(pid));
      }
      Bun.spawnSync(["ip", "netns", "del", name]);
    }
    await this.#home[Symbol.asyncDispose]();
  }

  async #build(): Promise<void> {
    await mkdir(this.home, { mode: 0o700 });
    const { router, run, workstation } = this.#names;
    for (const name of [workstation, router, run]) await command(["ip", "netns", "add", name]);
    for (const place of ["workstation", "router", "run"] as const) {
      await this.#run(place, ["sh", "-c", "ip link set lo up; ip addr flush dev lo; ip addr add 127.0.0.1/32 dev lo"]);
    }
    await this.#ip("workstation", `link add vw type veth peer name rw netns ${router}`);
    await this.#ip("run", `link add vt type veth peer name rt netns ${router}`);
    const cables = [
      ["workstation", "vw", `${WORKSTATION}/24`],
      ["router", "rw", "127.77.1.1/24"],
      ["router", "rt", "127.77.2.1/24"],
      ["run", "vt", `${RUN}/24`],
    ] as const;
    for (const [place, device, address] of cables) {
      const settings = `/proc/sys/net/ipv4/conf/${device}`;
      await this.#run(place, ["sh", "-c", `echo 1 > ${settings}/route_localnet; echo 0 > ${settings}/rp_filter`]);
      await this.#ip(place, `addr add ${address} dev ${device} scope global`);
      await this.#ip(place, `link set ${device} up`);
    }
    await this.#run("router", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    await this.#route(WORKSTATION);
    await this.#ip("run", `route add 127.77.1.0/24 via 127.77.2.1 src ${RUN}`);
  }

  async #route(source: string): Promise<void> {
    await this.#ip("workstation", `route replace 127.77.2.0/24 via 127.77.1.1 src ${source}`);
  }

  async #startSshServer(): Promise<void> {
    const folder = join(this.#home.path, "sshd");
    await mkdir(folder, { mode: 0o755 });
    await mkdir("/run/sshd", { recursive: true });
    for (const name of ["host", "user"]) {
      await command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    }
    const lines = [
      "Port 22",
      `ListenAddress ${RUN}`,
      `HostKey ${folder}/host`,
      `PidFile ${folder}/pid`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin yes",
    ];
    await writeFile(join(folder, "config"), `${lines.join("\n")}\n`);
    this.#sshd = Bun.spawn(this.#inside("run", ["/usr/sbin/sshd", "-D", "-e", "-f", join(folder, "config")]), {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    await eventually(() => this.#run("workstation", ["bash", "-c", `exec 3<>/dev/tcp/${RUN}/22`]));
  }

  #inside(place: "workstation" | "router" | "run", words: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.#names[place], ...words];
  }

  #run(place: "workstation" | "router" | "run", words: readonly string[]): Promise<void> {
    return command(this.#inside(place, words));
  }

  #ip(place: "workstation" | "router" | "run", words: string): Promise<void> {
    return command(["ip", "-n", this.#names[place], ...words.split(" ")]);
  }
}

async function command(words: readonly string[]): Promise<void> {
  const child = Bun.spawn([...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stderr, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in the meantime.
  }
}
