// The parts of the page that need no browser.
import { describe, expect, test } from "bun:test";
import { formWords } from "../../src/cli/commands/ui.ts";
import { startOptions } from "../../src/cli/start-options.ts";
import type { Connection } from "../../src/domain/connection.ts";
import type { StartForm, UiRun, UiState, UiTunnel } from "../../src/ui/api.ts";
import { startCommandLine } from "../../src/ui/command-line.ts";
import { commandLines, programSteps } from "../../src/ui/connect-steps.ts";
import { count, formatAgo, formatBytes, formatRate, formatRoundTrip, localAddress } from "../../src/ui/format.ts";
import { mergeState, roundTripColumns, trafficColumns, windowOf } from "../../src/ui/history.ts";
import { matchingRuns } from "../../src/ui/matching-runs.ts";
import { readStart } from "../cli/cli-world.ts";

const FORM: StartForm = {
  run: "56819",
  platform: "",
  localPort: "",
  remotePort: "22",
  ssh: true,
  sshUser: "",
  alias: "",
  identity: "",
  app: "",
  direct: false,
  existing: "refuse",
};

describe("startCommandLine()", () => {
  test.each([
    [{}, "runtunnel start 56819 -lp 0 -rp 22 --ssh"],
    [{ run: "" }, "runtunnel start RUN -lp 0 -rp 22 --ssh"],
    [{ localPort: " 4567 ", ssh: false }, "runtunnel start 56819 -lp 4567 -rp 22"],
    [{ ssh: false, sshUser: "ada", remotePort: "8888-8890" }, "runtunnel start 56819 -lp 0 -rp 8888-8890"],
    [{ sshUser: "ada", alias: "gpu" }, "runtunnel start 56819 -lp 0 -rp 22 --ssh --ssh-user ada --ssh-host gpu"],
    [{ identity: "~/my keys/id" }, "runtunnel start 56819 -lp 0 -rp 22 --ssh --identity '~/my keys/id'"],
    [{ existing: "keep-same" as const }, "runtunnel start 56819 -lp 0 -rp 22 --ssh --keep-same"],
    [{ run: "it's", ssh: false }, "runtunnel start 'it'\\''s' -lp 0 -rp 22"],
  ])("shows %p as a command", (changes, line) => {
    expect(startCommandLine({ ...FORM, ...changes })).toBe(line);
  });

  test.each<Partial<StartForm>>([
    {},
    { ssh: false, remotePort: "8888-8890", localPort: "18888-18890" },
    { sshUser: "ada", alias: "gpu", identity: "/keys/id", platform: "host", run: "10.0.0.1" },
    { ssh: false, remotePort: "", app: "jupyter", run: "my-session", platform: "backend-ai" },
    { direct: true, existing: "replace", localPort: "4567" },
    { existing: "keep-same", localPort: "4567" },
  ])("does what the dialog does with %p", async (changes) => {
    const form = { ...FORM, ...changes };
    const asked = await readStart(startCommandLine(form).split(" ").slice(1));
    const settings = { find: () => undefined };
    expect(startOptions(formWords(form, false), settings, "/home/ada", "/home/ada")).toEqual(asked);
  });
});

describe("formWords()", () => {
  test("leaves an empty local port to the preferred one, where the settings have it", () => {
    expect(formWords(FORM, false)["local-port"]).toBe("0");
    expect(formWords(FORM, true)["local-port"]).toBeUndefined();
    expect(formWords({ ...FORM, localPort: "4567" }, true)["local-port"]).toBe("4567");
  });
});

describe("matchingRuns()", () => {
  const run = (reference: string, image: string): UiRun => ({
    reference,
    name: `pipeline-${reference}`,
    platformTitle: "Cloud Pipeline",
    state: "RUNNING",
    isReady: true,
    image,
    hasTunnel: false,
  });
  const runs = [run("1001", "library/ubuntu"), run("2001", "library/RStudio")];

  test.each([
    ["", ["1001", "2001"]],
    [" 1001 ", ["1001", "2001"]],
    ["200", ["2001"]],
    ["rstud", ["2001"]],
    ["cloud", ["1001", "2001"]],
    ["my-host", []],
  ])("for '%s' are %p", (typed, found) => {
    expect(matchingRuns(runs, typed).map(({ reference }) => reference)).toEqual(found);
  });
});

const INFO: Connection = {
  host: "127.0.0.1",
  port: 10022,
  user: "work",
  clients: [],
  commands: {
    ssh: "ssh -p 10022 work@127.0.0.1",
    sftp: "sftp -P 10022 work@127.0.0.1",
    upload: "scp -P 10022 -r FILE work@127.0.0.1:PATH",
    download: "scp -P 10022 -r work@127.0.0.1:PATH .",
    rsync: 'rsync -av -e "ssh -p 10022" FOLDER/ work@127.0.0.1:PATH/',
  },
  urls: { ssh: "ssh://x", sftp: "sftp://x", vscode: "vscode://x" },
};

describe("commandLines()", () => {
  test("name the saved key where nothing else knows it", () => {
    expect(commandLines(INFO, true).map(([, line]) => line)).toEqual([
      "ssh -i ~/.ssh/id_container -p 10022 work@127.0.0.1",
      "sftp -i ~/.ssh/id_container -P 10022 work@127.0.0.1",
      "scp -i ~/.ssh/id_container -P 10022 -r FILE work@127.0.0.1:PATH",
      "scp -i ~/.ssh/id_container -P 10022 -r work@127.0.0.1:PATH .",
      'rsync -av -e "ssh -i ~/.ssh/id_container -p 10022" FOLDER/ work@127.0.0.1:PATH/',
    ]);
    expect(commandLines(INFO, false)[0]?.[1]).toBe(INFO.commands.ssh);
    expect(commandLines({ ...INFO, alias: "session-demo" }, true)[0]?.[1]).toBe(INFO.commands.ssh);
  });
});

describe("programSteps()", () => {
  const stepsOf = (program: string, info: Connection, hasKey: boolean): string =>
    programSteps(info, hasKey)
      .find((entry) => entry.program === program)
      ?.steps.join(" ") ?? "";

  test("ask for a key only where there is one to save", () => {
    for (const program of ["VS Code", "FileZilla", "PuTTY", "WinSCP"]) {
      expect(stepsOf(program, INFO, true)).toMatch(/key/i);
      expect(stepsOf(program, INFO, false)).not.toMatch(/key/i);
    }
  });

  test("use the name that the programs know", () => {
    const known = { ...INFO, alias: "session-demo", clients: ["OpenSSH", "PuTTY"], ppkFile: "/keys/x.ppk" };
    expect(stepsOf("PuTTY", known, true)).toContain("saved session session-demo");
    expect(stepsOf("VS Code", known, true)).toContain("session-demo");
    expect(stepsOf("FileZilla", known, true)).not.toContain("logon type");
    expect(stepsOf("PuTTY", { ...known, clients: ["OpenSSH"] }, true)).toContain("work@127.0.0.1, port 10022");
  });
});

describe("figures", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [10 * 1024, "10 KiB"],
    [340 * 1024 * 1024, "340 MiB"],
    [1023.7 * 1024, "1.0 MiB"],
    [-5, "0 B"],
  ])("formatBytes() prints %d as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
    expect(formatRate(bytes)).toBe(`${text}/s`);
  });

  test.each([
    [0, "0 ms"],
    [0.44, "0.4 ms"],
    [9.96, "10 ms"],
    [250, "250 ms"],
    [1300, "1.3 s"],
  ])("formatRoundTrip() prints %d as %s", (ms, text) => {
    expect(formatRoundTrip(ms)).toBe(text);
  });

  test("say how long ago, how many, and where", () => {
    expect([formatAgo(5000, 5500), formatAgo(0, 65_000)]).toEqual(["just now", "1m 5s ago"]);
    expect([count(1, "tunnel"), count(2, "tunnel")]).toEqual(["1 tunnel", "2 tunnels"]);
    expect(localAddress({ listenAddress: "0.0.0.0" }, 80)).toBe("127.0.0.1:80");
    expect(localAddress({ listenAddress: "::1" }, 80)).toBe("[::1]:80");
  });
});

describe("mergeState()", () => {
  const tunnel = (changes: Partial<UiTunnel>): UiTunnel => ({
    id: "a",
    name: "run-1",
    run: "1",
    platform: "test",
    platformTitle: "Test",
    state: "healthy",
    listenAddress: "127.0.0.1",
    ports: [],
    owner: "ada",
    isMine: true,
    machine: "desk",
    mode: "background",
    createdAt: 0,
    warnings: [],
    hasSsh: false,
    roundTrips: [],
    traffic: [],
    outages: [],
    ...changes,
  });
  const state = (now: number, tunnels: readonly UiTunnel[]): UiState => ({
    now,
    version: "1",
    user: "ada",
    machine: "desk",
    platforms: [],
    tunnels,
    damaged: [],
  });
  const sample = (at: number): UiTunnel["traffic"][number] => ({ at, upPerSecond: 1, downPerSecond: 2 });

  test("adds what is new, once, and drops what is old", () => {
    const first = mergeState(undefined, state(2000, [tunnel({ traffic: [sample(1000), sample(2000)] })]));
    const second = mergeState(
      first,
      state(3000, [tunnel({ traffic: [sample(2000), sample(3000)], state: "degraded" })]),
    );
    expect(second.tunnels[0]?.traffic.map(({ at }) => at)).toEqual([1000, 2000, 3000]);
    expect(second.tunnels[0]?.state).toBe("degraded");
    const late = mergeState(second, state(602_500, [tunnel({ traffic: [sample(602_000)] })]));
    expect(late.tunnels[0]?.traffic.map(({ at }) => at)).toEqual([3000, 602_000]);
    expect(mergeState(late, state(603_000, [])).tunnels).toEqual([]);
  });

  test("leaves gaps where nobody looked, and marks failed probes", () => {
    expect(trafficColumns([sample(1000), sample(2000), sample(20_000)])).toEqual([
      [1, 2, 2.001, 20],
      [2, 2, null, 2],
      [1, 1, null, 1],
    ]);
    expect(
      roundTripColumns([
        { at: 1000, ok: true, roundTripMs: 12 },
        { at: 2000, ok: false },
      ]),
    ).toEqual([
      [1, 2],
      [12, null],
      [null, 0],
    ]);
  });

  test("shows two minutes at least, ten at most", () => {
    expect(windowOf({ traffic: [], roundTrips: [] }, 5000)).toBe(120_000);
    expect(windowOf({ traffic: [sample(0)], roundTrips: [] }, 200_000)).toBe(200_000);
    expect(windowOf({ traffic: [], roundTrips: [{ at: 0, ok: true }] }, 9_000_000)).toBe(600_000);
  });
});
