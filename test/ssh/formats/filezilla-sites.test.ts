import { describe, expect, test } from "bun:test";
import { renderFileZillaSites } from "../../../src/ssh/formats/filezilla-sites.ts";
import { parseXml, type XmlElement } from "../../support/strict-xml.ts";

function fields(xml: string): Readonly<Record<string, string>> {
  const root = parseXml(xml);
  expect(root.name).toBe("FileZilla3");
  const [servers] = root.children;
  expect(servers?.name).toBe("Servers");
  const [server] = servers?.children ?? [];
  expect(server?.name).toBe("Server");
  return Object.fromEntries((server?.children ?? []).map((child: XmlElement) => [child.name, child.text]));
}

describe("renderFileZillaSites()", () => {
  test("writes an SFTP site that logs in with a key file", () => {
    const site = { name: "pipeline-1001", host: "127.0.0.1", port: 4567, user: "root", keyFile: "/home/me/k.ppk" };
    expect(fields(renderFileZillaSites([site]))).toMatchObject({
      Host: "127.0.0.1",
      Port: "4567",
      Protocol: "1",
      Type: "0",
      User: "root",
      Keyfile: "/home/me/k.ppk",
      Logontype: "5",
      Name: "pipeline-1001",
    });
  });

  test("asks for a password where there is no key", () => {
    const written = fields(renderFileZillaSites([{ name: "a", host: "h", port: 1, user: "u" }]));
    expect(written["Logontype"]).toBe("2");
    expect(written).not.toHaveProperty("Keyfile");
  });

  test("keeps names with markup and control characters from breaking the file", () => {
    const name = `<b>&"x'\u0001ü`;
    expect(fields(renderFileZillaSites([{ name, host: "h", port: 1, user: "u" }]))["Name"]).toBe(`<b>&"x'ü`);
  });
});
