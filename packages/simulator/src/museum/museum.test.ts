import assert from "node:assert/strict";
import test from "node:test";
import { EXHIBITS, exhibitNamed } from "./index.ts";
import { replaceGetter, replaceMethod } from "./replace-method.ts";
import { UNFOUND_EXHIBITS } from "./unfound.ts";

class Part {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(number: number): number {
    this.#count += number;
    return this.#count;
  }
}

test("a method is replaced in one part, and the old one still works on it", () => {
  const [planted, other] = [new Part(), new Part()];
  replaceMethod<Part["add"]>(planted, "add", (add) => (number) => add(2 * number));
  assert.equal(planted.add(3), 6);
  assert.equal(planted.count, 6);
  assert.equal(other.add(3), 3);
});

test("a getter is replaced in one part, and the old one still works on it", () => {
  const part = new Part();
  replaceGetter<number>(part, "count", (count) => () => count() + 100);
  part.add(1);
  assert.equal(part.count, 101);
});

test("what is not there cannot be replaced", () => {
  assert.throws(() => replaceMethod(new Part(), "subtract", (same) => same), /Part has no method subtract/);
  assert.throws(() => replaceGetter(new Part(), "add", (same) => same), /Part has no getter add/);
});

test("every exhibit has a name of its own, by which it is found", () => {
  const all = [...EXHIBITS, ...UNFOUND_EXHIBITS];
  for (const exhibit of all) assert.equal(exhibitNamed(exhibit.name), exhibit);
  assert.throws(() => exhibitNamed("no-mistake"), /no such mistake: no-mistake; there are .*lying-disk/);
});
