// The systems that a release is made for.

/** One system. */
export type Target = {
  /** As in the archive's name. */
  readonly name: string;
  /** As Bun's compiler calls it. */
  readonly bunTarget: string;
  /** The npm package with Bun's executable for it. */
  readonly runtimePackage: string;
  readonly executable: "runtunnel" | "runtunnel.exe";
  readonly archive: "tar.gz" | "zip";
  /** Debian's name of the processor, where a Debian package is made. */
  readonly debian?: "amd64" | "arm64";
};

/** All of them. */
export const TARGETS: readonly Target[] = [
  { ...unix("linux-x64", "linux-x64", "linux-x64"), debian: "amd64" },
  { ...unix("linux-arm64", "linux-arm64", "linux-aarch64"), debian: "arm64" },
  unix("linux-x64-musl", "linux-x64-musl", "linux-x64-musl"),
  unix("linux-arm64-musl", "linux-arm64-musl", "linux-aarch64-musl"),
  unix("macos-x64", "darwin-x64", "darwin-x64"),
  unix("macos-arm64", "darwin-arm64", "darwin-aarch64"),
  windows("windows-x64", "windows-x64", "windows-x64"),
  windows("windows-arm64", "windows-arm64", "windows-aarch64"),
];

/** The targets of these names, separated by commas; all of them where there is none. Throws for an unknown one. */
export function chooseTargets(names: string | undefined): readonly Target[] {
  if (names === undefined) return TARGETS;
  return names.split(",").map((name) => {
    const target = TARGETS.find((candidate) => candidate.name === name);
    if (target !== undefined) return target;
    const known = TARGETS.map((candidate) => candidate.name).join(", ");
    throw new Error(`There is no target "${name}": choose from ${known}`);
  });
}

function unix(name: string, bunTarget: string, runtime: string): Target {
  return { ...named(name, bunTarget, runtime), executable: "runtunnel", archive: "tar.gz" };
}

function windows(name: string, bunTarget: string, runtime: string): Target {
  return { ...named(name, bunTarget, runtime), executable: "runtunnel.exe", archive: "zip" };
}

function named(name: string, bunTarget: string, runtime: string) {
  return { name, bunTarget: `bun-${bunTarget}`, runtimePackage: `@oven/bun-${runtime}` };
}
