import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { removeFolder } from "../../src/os/remove-folder.ts";
import { tempHome } from "../support/temp-home.ts";

describe("removeFolder()", () => {
  test("removes files and folders at every depth, hidden and read-only ones too", async () => {
    await using home = await tempHome();
    const folder = join(home.path, "folder");
    await mkdir(join(folder, "a", ".b", "ç"), { recursive: true });
    await writeFile(join(folder, "a", ".b", "ç", "file"), "1");
    await writeFile(join(folder, ".hidden"), "2");
    await chmod(join(folder, ".hidden"), 0o400);
    await removeFolder(folder);
    expect(await readdir(home.path)).toEqual([]);
  });

  test.skipIf(process.platform === "win32")("removes links, not what they lead to", async () => {
    await using home = await tempHome();
    await mkdir(join(home.path, "kept"));
    await writeFile(join(home.path, "kept", "file"), "kept");
    await mkdir(join(home.path, "folder"));
    await symlink(join(home.path, "kept"), join(home.path, "folder", "link"));
    await removeFolder(join(home.path, "folder"));
    expect(await readdir(home.path)).toEqual(["kept"]);
    expect(await readFile(join(home.path, "kept", "file"), "utf8")).toBe("kept");
  });

  test("has nothing to do for a folder that is not there", async () => {
    await using home = await tempHome();
    await removeFolder(join(home.path, "none"));
    expect(await readdir(home.path)).toEqual([]);
  });

  test("names the folder that cannot be removed", async () => {
    await using home = await tempHome();
    const file = join(home.path, "file");
    await writeFile(file, "");
    await expect(removeFolder(file)).rejects.toThrow(file);
  });
});
