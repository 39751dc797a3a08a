// Rows that go through OpenSSH's server.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, output } from "./processes.ts";
import { type Bench, type Built, findProgram } from "./rows.ts";

/** `ssh -L` and our tunnel through the same server as jump host. */
export async function sshRows(bench: Bench): Promise<Built> {
  const programs = ["sshd", "ssh", "ssh-keygen"];
  const missing = programs.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) return { rows: [], missing };
  const { folder } = bench;
  for (const key of ["host-key", "user-key"]) {
    await output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
  }
  const serverPort = freePort();
  const file = join(folder, "sshd_config");
  await writeFile(file, serverSettings(folder, serverPort));
  // Where privileges are separated, sshd insists on this folder.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
  await bench.programs.serve([findProgram("sshd") ?? "", "-D", "-e", "-f", file], serverPort);
  const user = (await output(["id", "-un"])).trim();

  const target = bench.takeTarget();
  const port = freePort();
  const forward = ["-L", `127.0.0.1:${port}:127.0.0.1:${target}`, "-p", String(serverPort), `${user}@127.0.0.1`];
  const pid = await bench.programs.serve(["ssh", ...clientOptions(folder), ...forward], port);

  const tunnel = await bench.tunnels.start(bench.takeTarget(), {
    words: ["--proxy", `ssh://${user}@127.0.0.1:${serverPort}`],
    environment: { RUNTUNNEL_JUMP_IDENTITY: join(folder, "user-key"), RUNTUNNEL_JUMP_HOST_KEY: await hostKey(folder) },
  });
  return {
    rows: [
      { name: "ssh -L", family: "ssh", entry: { port }, pid },
      { name: "runtunnel", family: "ssh", entry: { port: tunnel.port }, pid: tunnel.pid },
    ],
    missing: [],
  };
}

async function hostKey(folder: string): Promise<string> {
  return (await output(["ssh-keygen", "-lf", join(folder, "host-key.pub")])).split(" ")[1] ?? "";
}

function serverSettings(folder: string, port: number): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${folder}/host-key
PidFile ${folder}/sshd.pid
AuthorizedKeysFile ${folder}/user-key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
MaxStartups 200
MaxSessions 200
`;
}

function clientOptions(folder: string): readonly string[] {
  const settings = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"];
  const options = [...settings, "ExitOnForwardFailure=yes"].flatMap((setting) => ["-o", setting]);
  return ["-F", "none", "-N", "-i", join(folder, "user-key"), ...options];
}
