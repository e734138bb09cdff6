import assert from "node:assert/strict";
import test from "node:test";
import { Column } from "./column.ts";

test("a column holds what was put into it, however many numbers there are", () => {
  const column = new Column();
  const length = 100_001;
  for (let i = 0; i < length; i++) column.push(i * 2 ** 33);
  assert.equal(column.length, length);
  for (let i = 0; i < length; i++) assert.equal(column.at(i), i * 2 ** 33);
  for (let i = 0; i < length; i += 32_767) column.set(i, -i);
  for (let i = 0; i < length; i++) assert.equal(column.at(i), i % 32_767 === 0 ? -i : i * 2 ** 33);
});
