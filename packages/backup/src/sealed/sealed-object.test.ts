import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { type BackupKey, readKeyFile } from "./key.ts";
import { CHUNK_BYTES, seal, unseal } from "./sealed-object.ts";

const folder = mkdtempSync(path.join(tmpdir(), "quorate-seal-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function keyOf(content: string | Uint8Array): BackupKey {
  const file = path.join(folder, "key");
  writeFileSync(file, content);
  return readKeyFile(file);
}

const KEY = keyOf(Buffer.alloc(32, 7));
const OTHER = keyOf(Buffer.alloc(32, 8));
const NAME = "a/b";
const HEADER_BYTES = 29;

async function sealed(content: Uint8Array, key?: BackupKey, pieceBytes = 1000): Promise<Buffer> {
  async function* pieces() {
    for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
  }
  return Buffer.concat(await Array.fromAsync(seal(NAME, pieces(), key)));
}

async function opened(object: Uint8Array, key?: BackupKey, name = NAME): Promise<Buffer> {
  async function* once() {
    yield object;
  }
  return Buffer.concat(await Array.fromAsync(unseal(name, once(), key)));
}

for (const key of [undefined, KEY]) {
  const how = key === undefined ? "plain" : "encrypted";
  for (const length of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]) {
    test(`${length} bytes come back from a ${how} object`, async () => {
      const content = Buffer.alloc(length, "abc");
      assert.ok(content.equals(await opened(await sealed(content, key), key)));
    });
  }

  const tagBytes = key === undefined ? 4 : 16;
  const chunkBytes = 4 + CHUNK_BYTES + tagBytes;
  const damages: { name: string; damage: (object: Buffer) => Buffer; error: RegExp }[] = [
    {
      name: "its last chunk cut off",
      damage: (o) => o.subarray(0, HEADER_BYTES + 2 * chunkBytes),
      error: /cut off/,
    },
    { name: "half a chunk", damage: (o) => o.subarray(0, HEADER_BYTES + chunkBytes + 99), error: /cut off/ },
    { name: "nothing in it", damage: () => Buffer.alloc(0), error: /cut off/ },
    {
      name: "two chunks exchanged",
      damage: (o) =>
        Buffer.concat([
          o.subarray(0, HEADER_BYTES),
          o.subarray(HEADER_BYTES + chunkBytes, HEADER_BYTES + 2 * chunkBytes),
          o.subarray(HEADER_BYTES, HEADER_BYTES + chunkBytes),
          o.subarray(HEADER_BYTES + 2 * chunkBytes),
        ]),
      error: /chunk 0 is not what was written there/,
    },
    {
      name: "a chunk left out",
      damage: (o) => Buffer.concat([o.subarray(0, HEADER_BYTES), o.subarray(HEADER_BYTES + chunkBytes)]),
      error: /chunk 0 is not what was written there/,
    },
    {
      name: "a chunk that says it is the last",
      damage: (o) => {
        const changed = Buffer.from(o.subarray(0, HEADER_BYTES + chunkBytes));
        changed[HEADER_BYTES]! |= 0x80;
        return changed;
      },
      error: /chunk 0 is not what was written there/,
    },
    {
      name: "a byte behind its end",
      damage: (o) => Buffer.concat([o, Buffer.of(0)]),
      error: /behind its end/,
    },
    {
      name: "another beginning",
      damage: (o) => Buffer.concat([Buffer.from("PK"), o.subarray(2)]),
      error: /does not begin like/,
    },
  ];
  for (const { name, damage, error } of damages) {
    test(`of a ${how} object with ${name} nothing more is taken`, async () => {
      const object = await sealed(Buffer.alloc(2 * CHUNK_BYTES + 5, "xyz"), key);
      await assert.rejects(opened(damage(object), key), { code: "DAMAGED", message: error });
    });
  }

  test(`a ${how} object is none of another name`, async () => {
    await assert.rejects(opened(await sealed(Buffer.from("x"), key), key, "a/c"), { code: "DAMAGED" });
  });

  testWithSeed(`any byte of a ${how} object that is another one is found`, async (seed) => {
    const random = new SeededRandom(seed);
    const object = await sealed(Buffer.alloc(500, "x"), key);
    for (let i = 0; i < 200; i++) {
      const changed = Buffer.from(object);
      changed[random.below(object.length)]! ^= 1 << random.below(8);
      await assert.rejects(opened(changed, key), { name: "BackupError" });
      await assert.rejects(opened(object.subarray(0, random.below(object.length)), key), { code: "DAMAGED" });
    }
  });
}

test("an encrypted object says nothing of its content", async () => {
  const object = await sealed(Buffer.alloc(1000, "secret"), KEY);
  assert.ok(!object.includes("secret"));
  assert.ok(!object.equals(await sealed(Buffer.alloc(1000, "secret"), KEY)));
});

const keys: { name: string; sealedWith?: BackupKey; openedWith?: BackupKey; error: RegExp }[] = [
  { name: "another key", sealedWith: KEY, openedWith: OTHER, error: /encrypted with another key/ },
  { name: "no key", sealedWith: KEY, error: /--key-file has to name its key/ },
  { name: "a key for what is plain", openedWith: KEY, error: /is not encrypted/ },
];
for (const { name, sealedWith, openedWith, error } of keys) {
  test(`with ${name} an object is refused, and why is said`, async () => {
    const object = await sealed(Buffer.from("x"), sealedWith);
    await assert.rejects(opened(object, openedWith), { code: "KEY", message: error });
  });
}

test("a key file has 32 bytes in one of three forms", () => {
  const raw = Buffer.alloc(32, 0xa7);
  for (const form of [raw, raw.toString("hex"), `${raw.toString("base64")}\n`])
    assert.deepEqual(Buffer.from(keyOf(form).bytes), raw);
  for (const bad of ["", "short", raw.subarray(1), raw.toString("hex").slice(2)])
    assert.throws(() => keyOf(bad), { code: "KEY", message: /is no key/ });
  assert.throws(() => readKeyFile(path.join(folder, "none")), { code: "KEY", message: /cannot read/ });
});
