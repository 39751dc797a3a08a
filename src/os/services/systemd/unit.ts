// The text of a systemd unit. Pure. See systemd.service(5), systemd.exec(5), systemd.syntax(7).
import { UsageError } from "../../../domain/errors.ts";
import type { ServiceDefinition } from "../service-manager.ts";

/** Restrictions that take nothing from a tunnel: it opens sockets, reads its configuration, writes its state and the
 * user's SSH files, and runs no foreign program with more rights. */
const HARDENING = [
  "NoNewPrivileges=yes",
  "LockPersonality=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "SystemCallArchitectures=native",
  "UMask=0077",
];

/** What only the system's own manager can do without user namespaces. */
const SYSTEM_HARDENING = [
  "ProtectSystem=full",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "ProtectHostname=yes",
];

/** Renders the unit. `KillMode=process` is what lets tunnels survive their supervisor: see `service-supervisor.ts`. */
export function renderUnit(definition: ServiceDefinition): string {
  const isSystem = definition.scope === "system";
  const lines = [
    '# Written by "runtunnel service install", removed by "runtunnel service uninstall".',
    "[Unit]",
    `Description=${escapeSpecifiers(plain(definition.description))}`,
    ...(isSystem ? ["Wants=network-online.target", "After=network-online.target"] : []),
    "# The program spaces its own tries; giving up would leave the machine without tunnels.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=notify",
    "NotifyAccess=main",
    `ExecStart=${renderCommand(definition.command)}`,
    "ExecReload=kill -HUP $MAINPID",
    "Restart=on-failure",
    "RestartSec=5",
    "# 2: the configuration is wrong; starting again cannot help.",
    "RestartPreventExitStatus=2",
    "# Tunnels outlive a supervisor that was killed, and the next one adopts them.",
    "KillMode=process",
    "TimeoutStartSec=180",
    "TimeoutStopSec=60",
    "WatchdogSec=60",
    ...Object.entries(definition.environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`),
    ...(definition.runAs === undefined ? [] : [`User=${escapeSpecifiers(plain(definition.runAs))}`]),
    ...HARDENING,
    ...(isSystem ? SYSTEM_HARDENING : []),
    ...(isSystem && definition.lowPorts ? ["AmbientCapabilities=CAP_NET_BIND_SERVICE"] : []),
    "",
    "[Install]",
    `WantedBy=${isSystem ? "multi-user.target" : "default.target"}`,
  ];
  return `${lines.join("\n")}\n`;
}

function renderCommand([program = "", ...words]: readonly string[]): string {
  if (/["'\\]/.test(program)) {
    throw new UsageError(`systemd cannot start "${program}": its path has quotes or backslashes`, {
      hint: "Move the program to another folder, then install the service from there",
    });
  }
  // The program's own path is never searched for variables, so a dollar stands for itself there.
  return [quote(program), ...words.map((word) => quote(word).replaceAll("$", "$$$$"))].join(" ");
}

/** One word in double quotes, whatever is in it. */
function quote(word: string): string {
  return `"${escapeSpecifiers(plain(word)).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function escapeSpecifiers(text: string): string {
  return text.replaceAll("%", "%%");
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new UsageError(`A service cannot be made from ${JSON.stringify(text)}: it has control characters`);
  }
  return text;
}
