import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { locateKeys } from "../../src/cli/toml-positions.ts";

describe("locateKeys()", () => {
  test("tells where keys, tables and items stand", () => {
    const text = [
      "# [not.a.table] key = 1",
      'top = "a # b"',
      "[service] # comment",
      "  listen = 1",
      "[[tunnel]]",
      "run = 1",
      "ports = [",
      "  1, # one",
      "  [2, 3],",
      "]",
      'long = """',
      "[[tunnel]]",
      'run = "no" \\""""',
      "[[tunnel]]",
      "a.b . 'c d' = { e = 1, f.g = ['x'] }",
      "[tunnel.sub]",
      "k = '''",
      "x = 1'''''",
      "z=1",
    ].join("\n");
    expect(parse(text)).toBeDefined();
    const found = [...locateKeys(text)].map(([path, { column, line }]) => `${path} ${line}:${column}`);
    expect(found).toEqual([
      "top 2:1",
      "service 3:1",
      "service.listen 4:3",
      "tunnel.0 5:1",
      "tunnel.0.run 6:1",
      "tunnel.0.ports 7:1",
      "tunnel.0.ports.0 8:3",
      "tunnel.0.ports.1 9:3",
      "tunnel.0.ports.1.0 9:4",
      "tunnel.0.ports.1.1 9:7",
      "tunnel.0.long 11:1",
      "tunnel.1 14:1",
      "tunnel.1.a.b.c d 15:1",
      "tunnel.1.a.b.c d.e 15:17",
      "tunnel.1.a.b.c d.f.g 15:24",
      "tunnel.1.a.b.c d.f.g.0 15:31",
      "tunnel.1.sub 16:1",
      "tunnel.1.sub.k 17:1",
      "tunnel.1.sub.z 19:1",
    ]);
  });

  test("finds every key of whatever the parser accepts, and no other", () => {
    const key = fc.string({ unit: fc.constantFrom("a", "b", "-", " ", "#", '"', "=", "[", "ü"), minLength: 1 });
    const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 }));
    const table = fc.dictionary(key, scalar, { maxKeys: 4, noNullPrototype: true });
    const file = fc.dictionary(key, fc.oneof(scalar, table, fc.array(table, { minLength: 1, maxLength: 3 })), {
      maxKeys: 4,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(file, (data) => {
        const text = stringify(data);
        expect(new Set(locateKeys(text).keys())).toEqual(new Set(pathsOf(parse(text), "")));
      }),
      { numRuns: 300 },
    );
  });
});

/** Paths of everything in a value, as `locateKeys` names them; an array of tables has no line of its own. */
function pathsOf(value: unknown, prefix: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    return isTableList(inner) ? pathsOf(inner, path) : [path, ...pathsOf(inner, path)];
  });
}

function isTableList(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "object" && !Array.isArray(item))
  );
}
