// The property list of a launchd job. Pure. See launchd.plist(5).
import type { ServiceDefinition } from "../service-manager.ts";
import { escapeXml } from "../xml-text.ts";

type Plist = string | number | boolean | readonly string[] | { readonly [key: string]: Plist };

/** Renders the job. */
export function renderPlist(definition: ServiceDefinition): string {
  const job: Record<string, Plist> = {
    Label: launchdLabel(definition.name),
    ProgramArguments: definition.command,
    EnvironmentVariables: definition.environment,
    RunAtLoad: true,
    // An end with code 0 was wished for; anything else is started again, not more often than the interval says.
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: 10,
    // Tunnels outlive a supervisor that was killed, and the next one adopts them.
    AbandonProcessGroup: true,
    ExitTimeOut: 60,
    Umask: 0o077,
    ...(definition.runAs === undefined ? {} : { UserName: definition.runAs }),
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<!-- Written by "runtunnel service install", removed by "runtunnel service uninstall". -->',
    '<plist version="1.0">',
    render(job, ""),
    "</plist>",
    "",
  ].join("\n");
}

/** The job's label for a service's name; launchd wants it in reverse domain style. */
export function launchdLabel(name: string): string {
  return `local.${name}`;
}

function render(value: Plist, indent: string): string {
  if (typeof value === "string") return `${indent}<string>${escapeXml(value)}</string>`;
  if (typeof value === "number") return `${indent}<integer>${value}</integer>`;
  if (typeof value === "boolean") return `${indent}<${value}/>`;
  const inner = `${indent}  `;
  if (isList(value)) {
    return [`${indent}<array>`, ...value.map((item) => render(item, inner)), `${indent}</array>`].join("\n");
  }
  const rows = Object.entries(value).flatMap(([key, item]) => [
    `${inner}<key>${escapeXml(key)}</key>`,
    render(item, inner),
  ]);
  return [`${indent}<dict>`, ...rows, `${indent}</dict>`].join("\n");
}

function isList(value: readonly string[] | { readonly [key: string]: Plist }): value is readonly string[] {
  return Array.isArray(value);
}
