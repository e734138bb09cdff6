import assert from "node:assert/strict";
import test from "node:test";
import { type FailureCode, RequestError } from "../errors.ts";
import type { PasswordHasher } from "./cryptography.ts";
import { Passwords } from "./passwords.ts";

const wanted = { of: {}, isGone: false, onGone: undefined };
const asked = (password: string, hash: string) => () => ({ password, hash: Buffer.from(hash) });
const refusedWith = (code: FailureCode) => (error: unknown) =>
  error instanceof RequestError && error.code === code;

test("a hash is bcrypt's, of the version that all members write, and only of its password", async () => {
  const passwords = new Passwords(4);
  const hash = await passwords.hash("p", wanted);
  assert.match(hash, /^\$2a\$04\$.{53}$/);
  assert.equal(await passwords.matches(asked("p", hash), wanted), true);
  assert.equal(await passwords.matches(asked("q", hash), wanted), false);
  assert.notEqual(await passwords.hash("p", wanted), hash);
  assert.equal(await passwords.matches(asked("", await passwords.hash("", wanted)), wanted), true);
});

test("hashes of other versions are understood, and what is none matches nothing", async () => {
  const passwords = new Passwords(4);
  const digest = "04$abcdefghijklmnopqrstuudMegMbPN37MbpdEfAtP66w1z0RBCtLG";
  for (const version of ["2a", "2b", "2y"]) {
    assert.equal(await passwords.matches(asked("p", `$${version}$${digest}`), wanted), true, version);
  }
  for (const hash of ["", "p", "$2a$04$short", `$2a$99${digest}`]) {
    assert.equal(await passwords.matches(asked("p", hash), wanted), false, hash);
    assert.equal(await passwords.matches(asked("", hash), wanted), false, hash);
  }
});

test("a password of more bytes than bcrypt looks at is refused, however it is spelt", async () => {
  const passwords = new Passwords(4);
  assert.match(await passwords.hash("x".repeat(72), wanted), /^\$2a/);
  for (const long of ["x".repeat(73), "é".repeat(37)]) {
    await assert.rejects(passwords.hash(long, wanted), refusedWith("PASSWORD_TOO_LONG"));
  }
});

test("what is compared is asked for when it is its turn, and who cannot say it keeps nobody waiting", async () => {
  const ends: ((isRight: boolean) => void)[] = [];
  const verify = () => new Promise<boolean>((resolve) => ends.push(resolve));
  const passwords = new Passwords(4, async () => ({ hash: async () => "", verify }), 1);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const told: string[] = [];
  const matches = (name: string) =>
    passwords.matches(() => {
      told.push(name);
      if (name === "b") throw new RequestError("AUTH_NOT_ENABLED");
      return { password: name, hash: new Uint8Array(0) };
    }, wanted);
  const a = matches("a");
  const b = assert.rejects(matches("b"), refusedWith("AUTH_NOT_ENABLED"));
  const c = matches("c");
  await settle();
  assert.deepEqual(told, ["a"]);
  ends[0]!(true);
  assert.equal(await a, true);
  await b;
  await settle();
  assert.deepEqual(told, ["a", "b", "c"]);
  ends[1]!(false);
  assert.equal(await c, false);
});

test("two are worked on at a time, in order, and nothing is for whom nobody waits any more", async () => {
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const hasher: PasswordHasher = {
    hash(password) {
      begun.push(password);
      const end = Promise.withResolvers<string>();
      ends.set(password, end);
      return end.promise;
    },
    verify: async () => false,
  };
  const passwords = new Passwords(4, async () => hasher);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const [a, b] = [passwords.hash("a", wanted), passwords.hash("b", wanted)];
  const refused = assert.rejects(
    passwords.hash("gone", { of: {}, isGone: true, onGone: undefined }),
    refusedWith("CANCELED"),
  );
  const d = passwords.hash("d", wanted);
  await settle();
  assert.deepEqual(begun, ["a", "b"]);
  ends.get("b")!.resolve("B");
  assert.equal(await b, "B");
  await refused;
  await settle();
  assert.deepEqual(begun, ["a", "b", "d"]);
  ends.get("a")!.reject(new Error("out of memory"));
  await assert.rejects(a, /out of memory/);
  ends.get("d")!.resolve("D");
  assert.equal(await d, "D");
  const e = passwords.hash("e", wanted);
  await settle();
  ends.get("e")!.resolve("E");
  assert.equal(await e, "E");
});
