import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { format, inspect } from "node:util";
import fc from "fast-check";
import { redact, Secret } from "../../src/domain/secret.ts";
import { lineLog } from "../../src/os/log-sink.ts";

// Real processes on a loaded machine.
setDefaultTimeout(60_000);

const TEXT = "s3cr3t-t0ken";

/** Every way we know to make text of a value. */
const ROUTES: Readonly<Record<string, (secret: Secret) => string>> = {
  "a template": (secret) => `${secret}`,
  "a concatenation": (secret) => `token ${String(secret)}`,
  "a join": (secret) => [secret, secret].join(","),
  JSON: (secret) => JSON.stringify({ a: { b: [secret] }, secret }),
  "JSON as a key": (secret) => JSON.stringify({ [String(secret)]: 1 }),
  "util.inspect": (secret) => inspect({ nested: { deep: [secret] } }, { depth: 9, showHidden: true }),
  "util.format with %s": (secret) => format("%s %o %O %j", secret, secret, secret, secret),
  "Bun.inspect": (secret) => Bun.inspect({ nested: [secret] }),
  "its own keys": (secret) => JSON.stringify([Object.entries(secret), Object.getOwnPropertyNames(secret)]),
  "a spread": (secret) => inspect({ ...secret }),
  "a clone": (secret) => inspect(structuredClone({ secret }), { showHidden: true }),
  "an error's message": (secret) => inspect(new Error(`Refused: ${secret}`)),
  "an error's cause": (secret) => inspect(new Error("Refused", { cause: { secret } })),
  "a log": (secret) => {
    const lines: string[] = [];
    const log = lineLog("DEBUG", (line) => lines.push(line));
    log.error(`Refused: ${secret}`, { token: `${secret}` });
    return lines.join("\n");
  },
  "a map": (secret) => inspect(new Map([["token", secret]])),
};

describe("Secret", () => {
  test.each(Object.keys(ROUTES))("is not printed by %s", (route) => {
    expect(ROUTES[route]?.(new Secret(TEXT))).toBeString();
    expect(ROUTES[route]?.(new Secret(TEXT))).not.toContain(TEXT);
  });

  test("is not printed by the console of the runtime", () => {
    const script = `import { Secret } from "${import.meta.dir.replaceAll("\\", "/")}/../../src/domain/secret.ts";
      const secret = new Secret("${TEXT}".split("").reverse().join(""));
      console.log(secret, { secret }, [secret]); console.error("%s %o", secret, secret); console.table([{ secret }]);
      console.dir(secret); throw new Error("x", { cause: secret });`;
    const child = Bun.spawnSync({ cmd: [process.execPath, "-e", script], stdout: "pipe", stderr: "pipe" });
    const printed = child.stdout.toString() + child.stderr.toString();
    expect(printed).toContain("[redacted]");
    expect(printed.replaceAll(/split.*/g, "")).not.toContain(TEXT.split("").reverse().join(""));
  });

  test("gives its text to reveal() alone", () => {
    expect(new Secret(TEXT).reveal()).toBe(TEXT);
  });
});

describe("redact()", () => {
  const secrets = (...texts: string[]): Secret[] => texts.map((text) => new Secret(text));

  test.each([
    ["token abc.", ["abc"], "token [redacted]."],
    ["abcabc", ["abc"], "[redacted][redacted]"],
    ["abcdef", ["abc", "abcdef"], "[redacted]"],
    ["abcdef", ["abcdef", "abc"], "[redacted]"],
    ["a$&b", ["$&"], "a[redacted]b"],
    ["nothing", [""], "nothing"],
    ["nothing", [], "nothing"],
  ])("makes %j without %j to %j", (text, texts, clean) => {
    expect(redact(text, secrets(...texts))).toBe(clean);
  });

  test("leaves no secret in any text, whatever the order of the secrets", () => {
    const text = fc.string({ unit: fc.constantFrom("X", "Y", "Z", "_"), minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), fc.array(text), (texts, parts) => {
        const clean = redact([...parts, ...texts].join(" "), secrets(...texts));
        for (const secret of texts) expect(clean).not.toContain(secret);
      }),
    );
  });
});
