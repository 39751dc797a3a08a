// A service for tests, with everything in it that is hard to write down.
import type { RunTool, ServiceDefinition, ToolResult } from "../../../src/os/services/service-manager.ts";

/** A service whose paths hold what shells, unit files and XML treat as special. */
export function makeDefinition(wishes: Partial<ServiceDefinition> = {}): ServiceDefinition {
  return {
    name: "runtunnel",
    scope: "user",
    description: "runtunnel: tunnels of /home/ada/a & b.toml",
    command: ["/opt/my apps/run$tunnel", "service", "run", "--config", "/home/ada/ünï 100% \"$x\" <&> \\ 'y'.toml"],
    environment: { RUNTUNNEL_STATE_DIR: "/srv/a b/100%" },
    lowPorts: false,
    ...wishes,
  };
}

/** Tools that answer as told, by the start of the command line, and remember what they were asked. */
export function fakeTools(answers: Readonly<Record<string, Partial<ToolResult>>>): {
  readonly run: RunTool;
  readonly asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    run: async (command) => {
      const line = command.join(" ");
      asked.push(line);
      const known = Object.keys(answers).find((start) => line.startsWith(start));
      return { exitCode: 0, stdout: "", stderr: "", ...(known === undefined ? {} : answers[known]) };
    },
  };
}
