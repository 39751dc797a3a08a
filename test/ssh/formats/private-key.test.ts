import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { fromKeyObject, type PrivateKey } from "../../../src/ssh/formats/key-material.ts";
import {
  formatPrivateKey,
  generateKeyPair,
  type KeyFormat,
  parsePrivateKey,
  publicKeyLine,
} from "../../../src/ssh/formats/private-key.ts";
import { requirePeer } from "../../support/peers.ts";
import { runOk, runProgram } from "../run-program.ts";

setDefaultTimeout(60_000);

const hasPuttygen = requirePeer("puttygen");
const hasSshKeygen = requirePeer("ssh-keygen");

const KINDS = ["ed25519", "rsa", "nistp256", "nistp384", "nistp521"] as const;
type Kind = (typeof KINDS)[number];

const KEYS = new Map<Kind, PrivateKey>(
  KINDS.map((kind) => [kind, { material: fromKeyObject(makeKeyObject(kind)), comment: `a ${kind} key` }]),
);

function makeKeyObject(kind: Kind) {
  if (kind === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  return generateKeyPairSync("ec", { namedCurve: kind.replace("nistp", "P-") }).privateKey;
}

function keyOf(kind: Kind): PrivateKey {
  const key = KEYS.get(kind);
  if (key === undefined) throw new Error(kind);
  return key;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "runtunnel-key-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writePrivate(path: string, text: string): Promise<void> {
  await Bun.write(path, text);
  await chmod(path, 0o600);
}

const PASSPHRASES = [undefined, 'péssphrase "quoted" '] as const;
const MATRIX = KINDS.flatMap((kind) => PASSPHRASES.map((passphrase) => ({ kind, passphrase })));

describe("formatPrivateKey() and parsePrivateKey()", () => {
  const shapes: readonly { format: KeyFormat; ppkVersion?: 2 | 3 }[] = [
    { format: "openssh" },
    { format: "pem" },
    { format: "ppk", ppkVersion: 2 },
    { format: "ppk", ppkVersion: 3 },
  ];
  const cases = MATRIX.flatMap((row) => shapes.map((shape) => ({ ...row, ...shape })));
  test.each(cases)("round trip $kind as $format $ppkVersion, passphrase $passphrase", (row) => {
    const { kind, format, passphrase, ...shape } = row;
    const key = keyOf(kind);
    const options = { ...shape, ...(passphrase === undefined ? {} : { passphrase }) };
    const text = formatPrivateKey(key, format, options);
    expect(parsePrivateKey(text, passphrase)).toEqual({ ...key, comment: format === "pem" ? "" : key.comment });
    expect(parsePrivateKey(text.replaceAll("\n", "\r\n"), passphrase).material).toEqual(key.material);
    if (passphrase === undefined) return;
    expect(() => parsePrivateKey(text)).toThrow("protected by a passphrase");
    expect(() => parsePrivateKey(text, `${passphrase}x`)).toThrow("passphrase is wrong");
  });

  test("comments of any text survive in OpenSSH and PPK files", () => {
    const key = keyOf("ed25519");
    const comments = fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n]/.test(text));
    fc.assert(
      fc.property(comments, fc.constantFrom("openssh" as const, "ppk" as const), (comment, format) => {
        expect(parsePrivateKey(formatPrivateKey(key, format, { comment })).comment).toBe(comment);
      }),
    );
  });
});

describe.skipIf(!hasPuttygen)("puttygen", () => {
  const versions = MATRIX.flatMap((row) => ([2, 3] as const).map((ppkVersion) => ({ ...row, ppkVersion })));
  test.each(versions)(
    "reads our PPK $ppkVersion of $kind, passphrase $passphrase",
    ({ kind, passphrase, ppkVersion }) =>
      withFolder(async (home) => {
        const key = keyOf(kind);
        const options = passphrase === undefined ? {} : { passphrase };
        await writePrivate(join(home, "key.ppk"), formatPrivateKey(key, "ppk", { ppkVersion, ...options }));
        await Bun.write(join(home, "old"), passphrase ?? "");
        const command = ["puttygen", join(home, "key.ppk"), "--old-passphrase", join(home, "old")];
        expect((await runOk([...command, "-O", "public-openssh"], { home })).trim()).toBe(publicKeyLine(key));
        // Only reading the private half proves the MAC and the blob: have it written in another format.
        await Bun.write(join(home, "none"), "");
        const convert = ["-O", "private-openssh-new", "--new-passphrase", join(home, "none"), "-o", join(home, "out")];
        await runOk([...command, ...convert], { home });
        expect(parsePrivateKey(await Bun.file(join(home, "out")).text())).toEqual(key);
      }),
  );

  test.each(versions)("writes a PPK $ppkVersion of $kind that we read, passphrase $passphrase", (row) =>
    withFolder(async (home) => {
      const { kind, passphrase, ppkVersion } = row;
      await Bun.write(join(home, "new"), passphrase ?? "");
      const type = kind.startsWith("nistp")
        ? ["ecdsa", "-b", kind.slice(5)]
        : [kind, ...(kind === "rsa" ? ["-b", "2048"] : [])];
      const param = ["--ppk-param", `version=${ppkVersion}`];
      await runOk(
        [
          "puttygen",
          "-q",
          "-t",
          ...type,
          ...param,
          "-C",
          "made there",
          "--new-passphrase",
          join(home, "new"),
          "-o",
          join(home, "k"),
        ],
        { home },
      );
      const text = await Bun.file(join(home, "k")).text();
      expect(text).toStartWith(`PuTTY-User-Key-File-${ppkVersion}: `);
      const key = parsePrivateKey(text, passphrase);
      const old = ["--old-passphrase", join(home, "new")];
      expect((await runOk(["puttygen", join(home, "k"), ...old, "-O", "public-openssh"], { home })).trim()).toBe(
        publicKeyLine(key),
      );
    }),
  );

  test.each(["argon2i", "argon2d"])("writes a PPK with %s that we read", (kdf) =>
    withFolder(async (home) => {
      await Bun.write(join(home, "new"), "secret");
      const param = `version=3,kdf=${kdf},memory=1024,passes=3,parallelism=2`;
      await runOk(
        [
          "puttygen",
          "-q",
          "-t",
          "ed25519",
          "--ppk-param",
          param,
          "--new-passphrase",
          join(home, "new"),
          "-o",
          join(home, "k"),
        ],
        { home },
      );
      expect(parsePrivateKey(await Bun.file(join(home, "k")).text(), "secret").material.kind).toBe("ed25519");
    }),
  );

  test("refuses a PPK of ours that somebody changed", () =>
    withFolder(async (home) => {
      const text = formatPrivateKey(keyOf("ed25519"), "ppk");
      await writePrivate(join(home, "k"), text.replace("a ed25519 key", "another comment"));
      const result = await runProgram(["puttygen", join(home, "k"), "-O", "private-openssh", "-o", join(home, "o")], {
        home,
      });
      expect(result.code).not.toBe(0);
    }));
});

describe.skipIf(!hasSshKeygen)("ssh-keygen", () => {
  // Its reader of ed25519 in PKCS#8 came after the version most people have; openssl judges that one.
  const readable = MATRIX.flatMap((row) => (["openssh", "pem"] as const).map((format) => ({ ...row, format }))).filter(
    ({ kind, format }) => kind !== "ed25519" || format !== "pem",
  );
  test.each(readable)("reads our $format of $kind, passphrase $passphrase", ({ kind, passphrase, format }) =>
    withFolder(async (home) => {
      const key = keyOf(kind);
      const options = passphrase === undefined ? {} : { passphrase };
      await writePrivate(join(home, "k"), formatPrivateKey(key, format, options));
      const line = (await runOk(["ssh-keygen", "-y", "-P", passphrase ?? "", "-f", join(home, "k")], { home })).trim();
      expect(line).toBe(publicKeyLine(key, format === "pem" ? "" : key.comment));
    }),
  );

  const written = [
    ...MATRIX.map((row) => ({ ...row, extra: [] as string[] })),
    ...["PEM", "PKCS8"].map((form) => ({ kind: "rsa" as const, passphrase: "secret", extra: ["-m", form] })),
    ...["PEM", "PKCS8"].map((form) => ({ kind: "nistp384" as const, passphrase: "secret", extra: ["-m", form] })),
    ...["aes128-cbc", "aes192-ctr", "aes256-cbc", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"].map((cipher) => ({
      kind: "ed25519" as const,
      passphrase: "secret",
      extra: ["-Z", cipher],
    })),
  ];
  test.each(written)("writes a $kind that we read, $extra, passphrase $passphrase", ({ kind, passphrase, extra }) =>
    withFolder(async (home) => {
      const type = kind.startsWith("nistp")
        ? ["ecdsa", "-b", kind.slice(5)]
        : [kind, ...(kind === "rsa" ? ["-b", "2048"] : [])];
      await runOk(
        ["ssh-keygen", "-q", "-t", ...type, ...extra, "-N", passphrase ?? "", "-C", "there", "-f", join(home, "k")],
        {
          home,
        },
      );
      const key = parsePrivateKey(await Bun.file(join(home, "k")).text(), passphrase);
      expect(publicKeyLine(key, "there")).toBe((await Bun.file(join(home, "k.pub")).text()).trim());
      if (passphrase === undefined) return;
      const text = await Bun.file(join(home, "k")).text();
      expect(() => parsePrivateKey(text, "guess")).toThrow("passphrase is wrong");
      expect(() => parsePrivateKey(text)).toThrow("protected by a passphrase");
    }),
  );

  test("names the cipher it cannot open", () =>
    withFolder(async (home) => {
      const cipher = "chacha20-poly1305@openssh.com";
      await runOk(["ssh-keygen", "-q", "-t", "ed25519", "-Z", cipher, "-N", "secret", "-f", join(home, "k")], { home });
      const text = await Bun.file(join(home, "k")).text();
      expect(() => parsePrivateKey(text, "secret")).toThrow(cipher);
    }));
});

describe.skipIf(!requirePeer("openssl"))("openssl", () => {
  test.each(MATRIX)("reads our pem of $kind, passphrase $passphrase", ({ kind, passphrase }) =>
    withFolder(async (home) => {
      const key = keyOf(kind);
      const options = passphrase === undefined ? {} : { passphrase };
      await writePrivate(join(home, "k"), formatPrivateKey(key, "pem", options));
      await Bun.write(join(home, "pass"), `${passphrase ?? ""}\n`);
      const command = ["openssl", "pkey", "-in", join(home, "k"), "-passin", `file:${join(home, "pass")}`];
      expect(parsePrivateKey(await runOk(command, { home })).material).toEqual(key.material);
    }),
  );
});

describe("parsePrivateKey()", () => {
  test("skips a byte order mark and text in front of the key", () => {
    const key = keyOf("rsa");
    const junk = `\uFEFFyour key:\n${formatPrivateKey(key, "pem")}trailing words\n`;
    expect(parsePrivateKey(junk).material).toEqual(key.material);
  });

  test.each([
    ["nothing", ""],
    ["a public key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzNmOwYLJOFUFancw/gefw0ow84QLAdfAnKoJqcgPGV me"],
    ["words", "hello"],
    ["too much", "x".repeat(100_000)],
    ["an unknown PPK", "PuTTY-User-Key-File-1: ssh-rsa\nEncryption: none\n"],
    ["a cut PPK", formatPrivateKey(keyOf("rsa"), "ppk").slice(0, 300)],
    ["a cut OpenSSH key", formatPrivateKey(keyOf("rsa"), "openssh").slice(0, 300)],
    ["a cut PEM key", formatPrivateKey(keyOf("rsa"), "pem").slice(0, 300)],
    ["a PPK changed by hand", formatPrivateKey(keyOf("rsa"), "ppk").replace("a rsa key", "b rsa key")],
  ])("refuses %s with a plain error", (_name, text) => {
    expect(() => parsePrivateKey(text)).toThrow(/^Cannot read /);
  });

  test("refuses halves of two keys, in every format", () => {
    const one = keyOf("ed25519").material;
    const other = fromKeyObject(makeKeyObject("ed25519"));
    if (one.kind !== "ed25519" || other.kind !== "ed25519") throw new Error("kind");
    const mixed: PrivateKey = { material: { ...one, seed: other.seed }, comment: "" };
    for (const format of ["openssh", "ppk"] as const) {
      expect(() => parsePrivateKey(formatPrivateKey(mixed, format))).toThrow("halves that do not belong together");
    }
  });

  test("never throws anything but an AppError, whatever byte is changed", () => {
    const texts = (["openssh", "pem", "ppk"] as const).flatMap((format) =>
      (["ed25519", "nistp256"] as const).map((kind) => formatPrivateKey(keyOf(kind), format)),
    );
    const edit = fc.record({ text: fc.constantFrom(...texts), at: fc.nat(1000), char: fc.string({ maxLength: 3 }) });
    fc.assert(
      fc.property(edit, ({ text, at, char }) => {
        const broken = text.slice(0, at) + char + text.slice(at + 1);
        try {
          parsePrivateKey(broken);
        } catch (error) {
          expect(error).toHaveProperty("exitCode");
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("generateKeyPair()", () => {
  test.each(["ed25519", "rsa"] as const)("makes a new %s key each time", async (kind) => {
    const [one, other] = await Promise.all([generateKeyPair(kind, "mine"), generateKeyPair(kind)]);
    expect(one.material.kind).toBe(kind);
    expect(publicKeyLine(one)).toEndWith(" mine");
    expect(publicKeyLine(one, "")).not.toBe(publicKeyLine(other, ""));
  });
});
