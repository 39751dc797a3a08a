// How a user names a run, before any platform was asked: `56819`, `pipeline-56819`, `cp:56819`, a session, a host.

/** How surely a name belongs to a platform by its form alone; the highest claim wins. */
export type Claim = "certain" | "likely" | "possible";

/** A platform's reading of a name. */
export type RunReference = {
  readonly platform: string;
  /** Canonical form, equal for all spellings of the same run: `56819` for `pipeline-56819`. */
  readonly id: string;
};
