import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { RequestError } from "../errors.ts";
import { JsonWebTokens, type JsonWebTokensOptions, type TokenKeys } from "./json-web-tokens.ts";

const SECRET = new Uint8Array(Buffer.from("secret"));
const BOTH = { signKey: SECRET, verifyKeys: [SECRET] };
const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1_000;
/** User u, revision 8, until 2099. */
const VECTOR =
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjQxMDI0NDQ4MDAsInJldmlzaW9uIjo4LCJ1c2VybmFtZSI6InUifQ.fUG2XVTu3F6hGkFJsVxesO_umD88Oc894Ly73-wfvwE";
const ISSUED = { username: "u", prefix: "", index: 3, authRevision: 8 };

function newTokens(changed: Partial<JsonWebTokensOptions> = {}) {
  let nowMs = NOW_MS;
  const tokens = new JsonWebTokens({
    clock: { wallMs: () => nowMs },
    algorithm: "HS256",
    keys: () => BOTH,
    ttlMs: 300_000,
    maxKept: 4,
    ...changed,
  });
  const holderOf = async (token: string) => {
    if (!tokens.isExamined(token)) await tokens.examine(token);
    return tokens.holderOf(token);
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { tokens, holderOf, pass };
}

const keysOf = (keys: TokenKeys) => () => keys;

function signed(claims: unknown, header: unknown = { alg: "HS256", typ: "JWT" }): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

test("a token that another member has signed proves who it is of, at its revision", async () => {
  const { holderOf } = newTokens();
  assert.deepEqual(await holderOf(VECTOR), { username: "u", authRevision: 8 });
});

test("a name that is no text is the one that other members will read in the log", async () => {
  const { holderOf } = newTokens();
  const token = signed({ username: "\ud800", revision: 8 });
  assert.equal((await holderOf(token))?.username, "\ufffd");
});

test("what is issued is signed for a while, and proves nothing afterwards", async () => {
  const { tokens, holderOf, pass } = newTokens();
  const token = await tokens.issue(ISSUED);
  const [header, claims] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  assert.equal(header, '{"alg":"HS256","typ":"JWT"}');
  assert.equal(claims, `{"exp":${NOW + 300},"revision":8,"username":"u"}`);
  assert.deepEqual(await holderOf(token), { username: "u", authRevision: 8 });
  pass(299_999);
  assert.equal((await holderOf(token))?.username, "u");
  pass(1);
  assert.equal(await holderOf(token), undefined);
  assert.equal(await holderOf(token), undefined);
});

const claims = { username: "u", revision: 8, exp: NOW + 10 };
const others = [
  { name: "without an end it holds", claims: { username: "u", revision: 8 }, want: 8 },
  { name: "a revision is an integer", claims: { ...claims, revision: 8.9 }, want: 8 },
  { name: "the revision is missing", claims: { username: "u" }, want: undefined },
  { name: "the revision is text", claims: { ...claims, revision: "8" }, want: undefined },
  { name: "the user is missing", claims: { revision: 8 }, want: undefined },
  { name: "the user is a number", claims: { ...claims, username: 7 }, want: undefined },
  { name: "the end is text", claims: { ...claims, exp: "x" }, want: undefined },
  { name: "it is over", claims: { ...claims, exp: NOW }, want: undefined },
  { name: "it has not begun", claims: { ...claims, nbf: NOW + 1 }, want: undefined },
  { name: "it has begun", claims: { ...claims, nbf: NOW }, want: 8 },
  { name: "there are no claims", claims: null, want: undefined },
  { name: "the claims are a list", claims: [claims], want: undefined },
];
for (const { name, claims, want } of others) {
  test(`a signed token: ${name}`, async () => {
    assert.equal((await newTokens().holderOf(signed(claims)))?.authRevision, want);
  });
}

const [head, body, sum] = VECTOR.split(".");
const none = Buffer.from('{"alg":"none"}').toString("base64url");
const forged = [
  "",
  "..",
  ".".repeat(1_000_000),
  `${head}.${body}`,
  `${head}.${body}.${sum}.`,
  `${head}.${body}.${sum?.slice(1)}`,
  `${none}.${body}.`,
  signed(claims, { alg: "HS384", typ: "JWT" }),
  VECTOR.replace(".ey", ".fy"),
];
for (const token of forged) {
  test(`a forged token proves nothing: ${token.slice(0, 60)} (${token.length} characters)`, async () => {
    assert.equal(await newTokens().holderOf(token), undefined);
  });
}

test("keys of the other kinds, and one that only verifies", async () => {
  const kinds = [
    { algorithm: "RS256", pair: generateKeyPairSync("rsa", { modulusLength: 2048 }) },
    { algorithm: "PS256", pair: generateKeyPairSync("rsa", { modulusLength: 2048 }) },
    { algorithm: "ES256", pair: generateKeyPairSync("ec", { namedCurve: "P-256" }) },
    { algorithm: "EdDSA", pair: generateKeyPairSync("ed25519") },
  ];
  for (const { algorithm, pair } of kinds) {
    const { tokens } = newTokens({
      algorithm,
      keys: keysOf({ signKey: pair.privateKey, verifyKeys: [pair.publicKey] }),
    });
    const elsewhere = newTokens({
      algorithm,
      keys: keysOf({ signKey: undefined, verifyKeys: [pair.publicKey] }),
    });
    const token = await tokens.issue(ISSUED);
    assert.deepEqual(await elsewhere.holderOf(token), { username: "u", authRevision: 8 }, algorithm);
    await assert.rejects(
      elsewhere.tokens.issue(ISSUED),
      (error) => error instanceof RequestError && error.code === "VERIFY_ONLY_KEY",
    );
    assert.equal(await newTokens().holderOf(token), undefined);
  }
});

test("only so many tokens are remembered, those that were used last", async () => {
  const { tokens, holderOf } = newTokens();
  const first = signed({ username: "u", revision: 1 });
  const second = signed({ username: "u", revision: 2 });
  await holderOf(first);
  await holderOf(second);
  for (let i = 0; i < 6; i++) {
    await tokens.examine(signed({ username: "u", revision: 10 + i }));
    tokens.holderOf(second);
  }
  assert.deepEqual([tokens.isExamined(first), tokens.isExamined(second)], [false, true]);
});

test("a token of a key that has been taken out proves nothing any more, whether it was verified before or not", async () => {
  const [old, next, strange] = ["old", "next", "strange"].map((name) => new Uint8Array(Buffer.from(name)));
  let keys: TokenKeys = { signKey: old, verifyKeys: [old!] };
  const { tokens, holderOf } = newTokens({ keys: () => keys });
  const issued = async () => tokens.issue(ISSUED);
  const byOld = await issued();
  const laterByOld = await tokens.issue({ ...ISSUED, username: "v" });
  assert.equal((await holderOf(byOld))?.username, "u");
  keys = { signKey: next, verifyKeys: [next!, old!] };
  const byNext = await issued();
  assert.equal((await holderOf(byOld))?.username, "u");
  assert.equal((await holderOf(laterByOld))?.username, "v");
  assert.equal((await holderOf(byNext))?.username, "u");
  keys = { signKey: next, verifyKeys: [next!] };
  // Of a call that has been examined before, too.
  assert.equal(tokens.holderOf(byOld), undefined);
  assert.equal(await holderOf(byOld), undefined);
  assert.equal((await holderOf(byNext))?.username, "u");
  keys = { signKey: strange, verifyKeys: [strange!] };
  assert.equal(tokens.isExamined(byNext), false);
  assert.equal(await holderOf(byNext), undefined);
});
