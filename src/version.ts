// Version, commit and build date; the build fills them in.
import manifest from "../package.json" with { type: "json" };

declare const RUNTUNNEL_COMMIT: string | undefined;
declare const RUNTUNNEL_BUILD_DATE: string | undefined;

/** One line: `runtunnel 0.1.0 (commit, date)`; run from source it says so. */
export function versionText(): string {
  const commit = typeof RUNTUNNEL_COMMIT === "string" ? RUNTUNNEL_COMMIT : "source";
  const date = typeof RUNTUNNEL_BUILD_DATE === "string" ? `, ${RUNTUNNEL_BUILD_DATE}` : "";
  return `runtunnel ${manifest.version} (${commit}${date})`;
}
