import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseLsof } from "../../../src/os/listening-ports/lsof-output.ts";
import { parseNetstat } from "../../../src/os/listening-ports/netstat-output.ts";
import { chooseHolder, type ListeningSocket } from "../../../src/os/listening-ports/port-table.ts";
import { parseProcNetTcp } from "../../../src/os/listening-ports/proc-net-tcp.ts";

function fixture(name: string): string {
  return readFileSync(join(import.meta.dir, "../../fixtures/os", name), "utf8");
}

function brief(sockets: readonly ListeningSocket[]): readonly string[] {
  return sockets.map(({ address, port, pid }) => `${address} ${port}${pid === undefined ? "" : ` ${pid}`}`);
}

describe("parseProcNetTcp()", () => {
  test("finds the listening IPv4 sockets and no connection", () => {
    expect(brief(parseProcNetTcp(fixture("proc-net-tcp.txt")))).toEqual([
      "127.0.0.1 55613",
      "127.1.2.3 43515",
      "0.0.0.0 60619",
    ]);
  });

  test("finds the listening IPv6 sockets", () => {
    expect(brief(parseProcNetTcp(fixture("proc-net-tcp6.txt")))).toEqual(["::1 43043", ":: 43161"]);
  });

  test("keeps owner and socket number", () => {
    const line = "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100";
    expect(parseProcNetTcp(line)).toEqual([{ address: "127.0.0.1", port: 8080, uid: 1000, inode: "4711" }]);
  });

  test.each([
    ["B80D0120000000000000000001000000", "2001:db8::1"],
    ["000080FE00000000FFFF0002B301FEFF", "fe80::200:ffff:fffe:1b3"],
    ["0000000000000000FFFF00000100007F", "127.0.0.1"],
    ["B80D0120000001000000000000000100", "2001:db8:1::1:0"],
    ["01000200030004000500060007000800", "2:1:4:3:6:5:8:7"],
  ])("prints %s as %s", (hex, address) => {
    const line = `0: ${hex}:0016 ${"0".repeat(32)}:0000 0A 0:0 00:0 0 0 0 1 1`;
    expect(brief(parseProcNetTcp(line))).toEqual([`${address} 22`]);
  });
});

describe("parseLsof()", () => {
  test("reads what lsof prints on Linux", () => {
    expect(brief(parseLsof(fixture("lsof-linux.txt")))).toEqual([
      "127.0.0.1 55613 5185",
      "* 60619 5185",
      "::1 43043 5185",
      "* 43161 5185",
      "127.1.2.3 43515 5185",
    ]);
  });

  test("keeps command and owner of each process", () => {
    const sockets = parseLsof(fixture("lsof-darwin.txt"));
    expect(brief(sockets)).toEqual([
      "* 5000 412",
      "* 5000 412",
      "127.0.0.1 8888 9120",
      "::1 8888 9120",
      "fe80::1%lo0 9000 9333",
    ]);
    expect(sockets.at(-1)).toMatchObject({ command: "café", owner: "ann" });
  });
});

describe("parseNetstat()", () => {
  test("finds listeners in English", () => {
    expect(brief(parseNetstat(fixture("netstat-windows-en.txt")))).toEqual([
      "0.0.0.0 135 1060",
      "127.0.0.1 4567 9120",
      ":: 135 1060",
      "::1 8888 9333",
      "fe80::1c2:3 9000 9334",
    ]);
  });

  test("does not depend on the word for the state", () => {
    expect(brief(parseNetstat(fixture("netstat-windows-de.txt")))).toEqual([
      "0.0.0.0 135 1060",
      "127.0.0.1 4567 9120",
      "::1 8888 9333",
    ]);
  });
});

describe("chooseHolder()", () => {
  const sockets = ["127.0.0.2", "::", "0.0.0.0", "127.0.0.1"].map((address) => ({ address, port: 80 }));
  const without = (address: string): readonly ListeningSocket[] => sockets.filter((one) => one.address !== address);

  test.each([
    ["the very address", sockets, "127.0.0.1", "127.0.0.1"],
    ["all addresses of the family", without("127.0.0.1"), "127.0.0.1", "0.0.0.0"],
    ["all IPv6 addresses for IPv4", without("0.0.0.0"), "127.0.0.9", "::"],
    ["any where we want all", sockets, "0.0.0.0", "127.0.0.2"],
    ["any where no address is given", sockets, undefined, "127.0.0.2"],
    ["a wildcard without family", [{ address: "*", port: 80 }], "::1", "*"],
  ] as const)("prefers %s", (_, table, address, expected) => {
    expect(chooseHolder(table, 80, address)?.address).toBe(expected);
  });

  test.each([
    ["of another port", sockets, 81, "127.0.0.1"],
    ["of another address", [{ address: "127.0.0.2", port: 80 }], 80, "127.0.0.1"],
  ] as const)("passes over sockets %s", (_, table, port, address) => {
    expect(chooseHolder(table, port, address)).toBeUndefined();
  });
});
