import { describe, expect, test } from "bun:test";
import { chmod, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, UsageError } from "../../../src/domain/errors.ts";
import { digestOf, resolveProject } from "../../../src/tunnel/project/project.ts";
import { readProjectSource } from "../../../src/tunnel/project/project-source.ts";
import { makeSpec } from "../../support/specs.ts";
import { tempHome } from "../../support/temp-home.ts";
import { makeAppContext } from "../tunnel-world.ts";
import { FILE, makeWanted } from "../wanted.ts";

describe("readProjectSource()", () => {
  test("reads the file behind a link, by its one true path", async () => {
    await using home = await tempHome();
    await writeFile(join(home.path, "real.toml"), "x = 1\n", { mode: 0o644 });
    await symlink("real.toml", join(home.path, "link.toml"));
    const context = makeAppContext({ home: home.path });
    expect(await readProjectSource(join(home.path, "link.toml"), context)).toEqual({
      file: join(home.path, "real.toml"),
      text: "x = 1\n",
    });
  });

  test("refuses, as a mistake of the user's, what is missing, a folder, too large or written by everybody", async () => {
    await using home = await tempHome();
    const context = makeAppContext({ home: home.path });
    const refusal = async (name: string): Promise<string> => {
      const error = await readProjectSource(join(home.path, name), context).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UsageError);
      return errorMessage(error);
    };
    expect(await refusal("none.toml")).toContain("There is no file");
    expect(await refusal(".")).toContain("not a regular file");
    await writeFile(join(home.path, "large.toml"), "#".repeat(2 * 1024 * 1024));
    expect(await refusal("large.toml")).toContain("larger than");
    await writeFile(join(home.path, "open.toml"), "");
    await chmod(join(home.path, "open.toml"), 0o666);
    expect(await refusal("open.toml")).toContain("everybody on this machine may write it");
  });
});

describe("resolveProject()", () => {
  const service = { stopTimeoutMs: 1000 };
  const resolve = (name: string, wishes: Parameters<typeof makeWanted>[1]) => {
    const context = makeAppContext({ home: "/nowhere" });
    return resolveProject({ file: FILE, service, entries: [makeWanted(name, wishes).entry] }, context);
  };

  test("identifies runs; all spellings of one give the same digest", async () => {
    const [plain] = await resolve("a", { run: "7" });
    const [long] = await resolve("a", { run: "run-7" });
    expect(plain?.spec).toMatchObject({ platform: "test", run: "7" });
    expect(plain?.runName).toBe("run-7");
    expect(long?.managedBy).toEqual(plain?.managedBy ?? long?.managedBy);
  });

  test.each([
    [{ run: "no name of a run!" }, "is not a run id"],
    [{ run: "7", ports: [] }, "Neither a local nor a remote port is given"],
  ])("refuses %j with the entry's place", async (wishes, message) => {
    const error = await resolve("a", wishes).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(errorMessage(error)).toStartWith(`"${FILE}", line 1, tunnel "a": `);
    expect(errorMessage(error)).toContain(message);
  });
});

describe("digestOf()", () => {
  const entry = { flags: { "host.proxy": "a" } };

  test("does not depend on the order of fields", () => {
    const spec = makeSpec();
    const turned = Object.fromEntries(Object.entries(spec).reverse()) as typeof spec;
    expect(digestOf(turned, entry)).toBe(digestOf(spec, entry));
  });

  test("changes with anything that a tunnel was started with", () => {
    const digests = [
      digestOf(makeSpec(), entry),
      digestOf(makeSpec({ retries: 3 }), entry),
      digestOf(makeSpec({ listenAddress: "127.0.0.2" }), entry),
      digestOf(makeSpec(), { flags: { "host.proxy": "b" } }),
      digestOf(makeSpec(), { ...entry, profile: "work" }),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });
});
