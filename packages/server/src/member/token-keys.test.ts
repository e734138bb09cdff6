import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import type { JwtSettings } from "../config/auth-token.ts";
import { ConfigError } from "../config/errors.ts";
import { type Logger, silentLogger } from "../log/logger.ts";
import { TokenKeyFiles } from "./token-keys.ts";

function pair() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    publicPem: publicKey.export({ type: "spki", format: "pem" }) as string,
    publicKey,
  };
}

interface Content {
  readonly privateKey?: string;
  readonly publicKey?: string;
}

/** Files of keys, with what was logged of them, and a clock that says when they are looked at. */
function setUp(t: TestContext, algorithm: string, content: Content) {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-token-keys-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const write = ({ privateKey, publicKey }: Content) => {
    if (privateKey !== undefined) writeFileSync(path.join(directory, "private"), privateKey);
    if (publicKey !== undefined) writeFileSync(path.join(directory, "public"), publicKey);
  };
  write(content);
  const settings: JwtSettings = {
    kind: "jwt",
    algorithm,
    privateKeyFile: content.privateKey === undefined ? "" : path.join(directory, "private"),
    publicKeyFile: content.publicKey === undefined ? "" : path.join(directory, "public"),
    ttlMs: 1_000,
  };
  const warnings: unknown[] = [];
  const log: Logger = Object.create(silentLogger);
  log.warn = (message, fields) => warnings.push([message, fields?.error]);
  const clock = ManualClock.withRealTurns(Date.now());
  const files = new TokenKeyFiles(settings, clock, log);
  t.after(() => files.close());
  files.watch();
  return { files, clock, warnings, write };
}

test("replaced keys are noticed within a second, and keep those that work when they do not", async (t) => {
  const [old, next] = [pair(), pair()];
  const { files, clock, warnings, write } = setUp(t, "ES256", {
    privateKey: old.privatePem,
    publicKey: old.publicPem,
  });
  const first = files.current;
  assert.ok(first.verifyKeys.length === 1 && old.publicKey.equals(first.verifyKeys[0] as never));
  // The next key is made known before anybody signs with it, and the old one is kept for a while.
  write({ publicKey: old.publicPem + next.publicPem });
  clock.advance(1_000);
  await until(() => files.current.verifyKeys.length === 2);
  write({ privateKey: next.privatePem });
  await until(() => clock.timerCount === 1);
  clock.advance(1_000);
  await until(() => next.publicKey.equals(files.current.verifyKeys[0] as never));
  assert.equal(files.current.verifyKeys.length, 2);
  const last = files.current;
  write({ publicKey: old.publicPem });
  await until(() => clock.timerCount === 1);
  clock.advance(1_000);
  await until(() => warnings.length === 1 && clock.timerCount === 1);
  clock.advance(1_000);
  await until(() => clock.timerCount === 1);
  assert.equal(files.current, last);
  const complaint = "replaced keys of tokens cannot be used; the last one that worked stays in use";
  assert.deepEqual(warnings, [[complaint, "auth: public and private keys don't match"]]);
  write({ publicKey: next.publicPem });
  clock.advance(1_000);
  await until(() => files.current.verifyKeys.length === 1);
});

test("a secret that is replaced is the one of both sides", async (t) => {
  const { files, clock, write } = setUp(t, "HS256", { privateKey: "secret", publicKey: "of no use" });
  assert.deepEqual(files.current.verifyKeys, [new Uint8Array(Buffer.from("secret"))]);
  write({ privateKey: "another" });
  clock.advance(1_000);
  await until(() => Buffer.from(files.current.signKey as Uint8Array).toString() === "another");
  assert.deepEqual(files.current.verifyKeys, [files.current.signKey]);
});

const { privatePem, publicPem } = pair();
const refused = [
  { name: "an empty secret", algorithm: "HS256", privateKey: "", error: "auth: missing key data" },
  {
    name: "no key in the file",
    algorithm: "ES256",
    privateKey: "secret",
    error: "auth: the key of tokens cannot be read",
  },
  {
    name: "keys that do not fit",
    algorithm: "ES256",
    privateKey: privatePem,
    publicKey: pair().publicPem,
    error: "auth: public and private keys don't match",
  },
  {
    name: "a key that is cut off behind a whole one",
    algorithm: "ES256",
    publicKey: publicPem + pair().publicPem.slice(0, 100),
    error: "auth: the key of tokens cannot be read",
  },
  {
    name: "too many keys",
    algorithm: "ES256",
    publicKey: publicPem.repeat(9),
    error: "auth: there are more than 8 keys of tokens",
  },
];
for (const { name, algorithm, error, ...content } of refused) {
  test(`a member does not start with ${name}`, (t) => {
    assert.throws(
      () => setUp(t, algorithm, content),
      (thrown) => thrown instanceof ConfigError && thrown.message === error,
    );
  });
}

test("a member does not start without the files", () => {
  const settings = { kind: "jwt", algorithm: "HS256", publicKeyFile: "", ttlMs: 1 } as const;
  const clock = new ManualClock();
  assert.throws(
    () => new TokenKeyFiles({ ...settings, privateKeyFile: "/nowhere" }, clock, silentLogger),
    (thrown) => thrown instanceof ConfigError && thrown.message === "auth: invalid auth options",
  );
});
