// The SSH clients we know how to tell about a host.
import type { SshClient } from "./client.ts";
import { openssh } from "./openssh/openssh.ts";
import { putty } from "./putty/putty.ts";

/** In the order in which they are told. */
export const sshClients: readonly SshClient[] = [openssh, putty];
