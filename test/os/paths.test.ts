import { describe, expect, test } from "bun:test";
import { LocalError, UsageError } from "../../src/domain/errors.ts";
import { type FolderOptions, resolveFolders } from "../../src/os/paths.ts";

type Row = readonly [name: string, options: FolderOptions, state: string, config: string];

const linux = (environment: FolderOptions["environment"], homeFolder = "/home/ann"): FolderOptions => ({
  system: "linux",
  environment,
  homeFolder,
});
const windows = (environment: FolderOptions["environment"]): FolderOptions => ({
  system: "win32",
  environment,
  homeFolder: "C:\\Users\\Ann B",
});

const ROWS: readonly Row[] = [
  ["the usual folders", linux({}), "/home/ann/.local/state/runtunnel", "/home/ann/.config/runtunnel"],
  ["XDG folders", linux({ XDG_STATE_HOME: "/s/", XDG_CONFIG_HOME: "/c" }), "/s/runtunnel", "/c/runtunnel"],
  [
    "no relative or empty XDG folders",
    linux({ XDG_STATE_HOME: "state", XDG_CONFIG_HOME: "" }),
    "/home/ann/.local/state/runtunnel",
    "/home/ann/.config/runtunnel",
  ],
  [
    "our own variables before XDG",
    linux({ RUNTUNNEL_STATE_DIR: "/x/", RUNTUNNEL_CONFIG_DIR: "/y", XDG_STATE_HOME: "/s" }),
    "/x",
    "/y",
  ],
  ["a home at the root", linux({}, "/"), "/.local/state/runtunnel", "/.config/runtunnel"],
  [
    "Library folders on macOS, whatever XDG says",
    { system: "darwin", environment: { XDG_STATE_HOME: "/s" }, homeFolder: "/Users/ann" },
    "/Users/ann/Library/Application Support/runtunnel/state",
    "/Users/ann/Library/Application Support/runtunnel",
  ],
  [
    "AppData, in any case of letters",
    windows({ LocalAppData: "D:\\Local\\", APPDATA: "D:/Roaming" }),
    "D:\\Local\\runtunnel",
    "D:/Roaming\\runtunnel",
  ],
  [
    "AppData below the profile without variables",
    windows({}),
    "C:\\Users\\Ann B\\AppData\\Local\\runtunnel",
    "C:\\Users\\Ann B\\AppData\\Roaming\\runtunnel",
  ],
  [
    "a network share",
    windows({ RUNTUNNEL_STATE_DIR: "\\\\server\\share\\ann", RUNTUNNEL_CONFIG_DIR: "E:\\" }),
    "\\\\server\\share\\ann",
    "E:\\",
  ],
];

describe("resolveFolders()", () => {
  test.each(ROWS)("takes %s", (_, options, state, config) => {
    const folders = resolveFolders(options);
    expect([folders.state, folders.config]).toEqual([state, config]);
  });

  test("puts .ssh into the home folder", () => {
    expect(resolveFolders(linux({}, "/home/ann/")).ssh).toBe("/home/ann/.ssh");
    expect(resolveFolders(windows({})).ssh).toBe("C:\\Users\\Ann B\\.ssh");
  });

  test("refuses a relative folder in a variable of ours", () => {
    expect(() => resolveFolders(linux({ RUNTUNNEL_STATE_DIR: "state" }))).toThrow(UsageError);
    expect(() => resolveFolders(windows({ RUNTUNNEL_CONFIG_DIR: "C:relative" }))).toThrow(UsageError);
  });

  test("refuses to guess without a home folder", () => {
    expect(() => resolveFolders(linux({}, ""))).toThrow(LocalError);
  });
});
