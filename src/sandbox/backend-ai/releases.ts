// How releases of the manager differ, as far as a client notices. Pure.

/** One simulated release. */
export type Release = {
  /** As `GET /` tells it. */
  readonly manager: string;
  readonly apiVersion: string;
  /** Which calls hand out one file: the verb, and where the file's name is looked for. */
  readonly download: "get" | "post-any" | "post-body" | "post-query";
  /** Whether stream calls take ids; a few release candidates of 2026 took names only. */
  readonly streamTakesIds: boolean;
  /** Whether sessions are found by the access key that made them, or by its user. */
  readonly scope: "access-key" | "user";
  /** Whether problems carry `error_code`. */
  readonly hasErrorCodes: boolean;
  /** Whether a refused web login has a status of its own, or 200. */
  readonly loginStatus: "200" | "real";
};

const NEWEST: Release = {
  manager: "26.8.1",
  apiVersion: "v9.20250722",
  download: "post-query",
  streamTakesIds: true,
  scope: "user",
  hasErrorCodes: true,
  loginStatus: "real",
};

const RELEASES: readonly Release[] = [
  NEWEST,
  { ...NEWEST, manager: "26.4.4rc8", streamTakesIds: false },
  { ...NEWEST, manager: "26.3.1", download: "post-body", scope: "access-key", loginStatus: "200" },
  {
    ...NEWEST,
    manager: "24.09.14",
    apiVersion: "v8.20240915",
    download: "post-any",
    scope: "access-key",
    hasErrorCodes: false,
    loginStatus: "200",
  },
  {
    ...NEWEST,
    manager: "22.09.22",
    apiVersion: "v6.20220615",
    download: "get",
    scope: "access-key",
    hasErrorCodes: false,
    loginStatus: "200",
  },
];

/** Versions that the newest release takes, ascending. */
const VALID_VERSIONS = [
  "v4.20181215",
  "v4.20190115",
  "v4.20190315",
  "v4.20190615",
  "v5.20191215",
  "v6.20200815",
  "v6.20220315",
  "v6.20220615",
  "v6.20221201",
  "v6.20230315",
  "v7.20230615",
  "v8.20240315",
  "v8.20240915",
  "v9.20250722",
];

/** The release of that number; the newest where none is given. */
export function findRelease(manager: string | undefined): Release | undefined {
  return manager === undefined ? NEWEST : RELEASES.find((release) => release.manager === manager);
}

/** Whether the release takes requests of this API version. */
export function takesVersion(release: Release, version: string): boolean {
  const index = VALID_VERSIONS.indexOf(version);
  return index !== -1 && index <= VALID_VERSIONS.indexOf(release.apiVersion);
}
