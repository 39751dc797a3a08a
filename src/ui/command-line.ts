// The dialog's fields as the command that does the same, for whoever wants to put it into a script. Pure.
import type { StartForm } from "./api.ts";

/** `runtunnel start 56819 -lp 0 -rp 22 --ssh` */
export function startCommandLine(form: StartForm): string {
  const words = ["runtunnel", "start", quote(form.run.trim() || "RUN")];
  const add = (option: string, value: string): void => {
    if (value.trim() !== "") words.push(option, quote(value.trim()));
  };
  add("--platform", form.platform);
  add("-lp", form.localPort.trim() || "0");
  add("-rp", form.remotePort);
  add("--app", form.app);
  if (form.ssh) {
    words.push("--ssh");
    add("--ssh-user", form.sshUser);
    add("--ssh-host", form.alias);
    add("--identity", form.identity);
  }
  if (form.direct) words.push("--direct");
  if (form.existing !== "refuse") words.push("--keep-same");
  if (form.existing === "replace") words.push("--replace-different");
  return words.join(" ");
}

/** As both POSIX shells and PowerShell read it. */
function quote(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
