import assert from "node:assert/strict";
import test from "node:test";
import { ROWS, rowName, selectRows } from "./rows.ts";

const count = (filter: string): number => selectRows(ROWS, filter).length;

const SELECTIONS = [
  { name: "a word of a transport selects all of its rows", filter: "mtls", want: 8 },
  { name: "all words of a part must occur", filter: "native put 10x100 tls", want: 1 },
  { name: "parts are added", filter: "idle tls, connect mtls", want: 2 },
  { name: "whole words count, not parts of them", filter: "resumed", want: 0 },
  {
    name: "sessions are only resumed where no certificate has to be shown",
    filter: "connect-resumed",
    want: 1,
  },
];
for (const { name, filter, want } of SELECTIONS) {
  test(name, () => assert.equal(count(filter), want));
}

test("no two rows have the same name", () => {
  const names = ROWS.map(rowName);
  assert.deepEqual(names.toSorted(), [...new Set(names)].toSorted());
});
