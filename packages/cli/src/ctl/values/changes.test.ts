import assert from "node:assert/strict";
import test from "node:test";
import { fc } from "@quorate/testkit/property";
import { changesBetween } from "./changes.ts";
import { storedObject } from "./testing.ts";

const text = (value: string | Uint8Array, lease = 0n) => ({ value: Buffer.from(value as string), lease });
const thing = (name: string, phase: string) =>
  storedObject("v1", "Thing", [
    [1, [[1, name]]],
    [3, [[1, phase]]],
  ]);

const cases = [
  { name: "of a new key all is new", before: undefined, after: text("a\nb\n"), want: ["+ a", "+ b"] },
  {
    name: "of a new key without a value there is nothing to say",
    before: undefined,
    after: text(""),
    want: [],
  },
  { name: "what is the same is not told", before: text("a"), after: text("a"), want: [] },
  {
    name: "of text the lines that changed are told",
    before: text("a\nb\nc"),
    after: text("a\nx\nc"),
    want: ["- b", "+ x"],
  },
  {
    name: "lines that come and go are told where they are",
    before: text("a\nb\nc\nd\ne"),
    after: text("b\nc\nx\ne\nf"),
    want: ["- a", "- d", "+ x", "+ f"],
  },
  {
    name: "of JSON the members that changed are told",
    before: text('{"a":1,"b":{"c":2}}'),
    after: text('{"a":1,"b":{"c":3}}'),
    want: ['-     "c": 2', '+     "c": 3'],
  },
  {
    name: "of an object of Kubernetes the fields that changed are told",
    before: text(thing("a", "Pending")),
    after: text(thing("a", "Running")),
    want: ["-   1: Pending", "+   1: Running"],
  },
  {
    name: "of other bytes the sizes are told, and where they differ",
    before: text(Buffer.from([0, 1, 2])),
    after: text(Buffer.from([0, 1, 3, 4])),
    want: ["- bytes: 3", "+ bytes: 4", "+ different from byte 2 on"],
  },
  {
    name: "bytes of the same size say only where they differ",
    before: text(Buffer.from([0, 1])),
    after: text(Buffer.from([0, 2])),
    want: ["+ different from byte 1 on"],
  },
  {
    name: "of new bytes the size is told",
    before: undefined,
    after: text(Buffer.from([0])),
    want: ["+ bytes: 1"],
  },
  {
    name: "another lease is told",
    before: text("a", 1n),
    after: text("a", 2n),
    want: ["- lease: 0000000000000001", "+ lease: 0000000000000002"],
  },
  {
    name: "a lease that is gone is told",
    before: text("a", 1n),
    after: text("a"),
    want: ["- lease: 0000000000000001"],
  },
];
for (const { name, before, after, want } of cases)
  test(name, () => assert.deepEqual(lines(before, after), want));

function lines(before: Parameters<typeof changesBetween>[0], after: ReturnType<typeof text>): string[] {
  return changesBetween(before, after).map(({ kind, line }) => `${kind === "added" ? "+" : "-"} ${line}`);
}

test("very many lines that are different are told without being compared", () => {
  const all = (mark: string) => Array.from({ length: 50_000 }, (_, i) => `${mark}${i}`).join("\n");
  const told = lines(text(`same\n${all("a")}`), text(`same\n${all("b")}`));
  assert.deepEqual([told.length, told[0], told.at(-1)], [100_000, "- a0", "+ b49999"]);
});

test("what is removed was there, and what is added is there, as often as that", () => {
  const anyLines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
  fc.assert(
    fc.property(anyLines, anyLines, (was, is) => {
      const counts = new Map<string, number>();
      const count = (line: string, by: number) => counts.set(line, (counts.get(line) ?? 0) + by);
      for (const line of was) count(line, 1);
      for (const told of lines(text(was.join("\n")), text(is.join("\n"))))
        count(told.slice(2), told.startsWith("+") ? 1 : -1);
      for (const line of is) count(line, -1);
      assert.deepEqual(new Set(counts.values()), new Set(counts.size > 0 ? [0] : []));
    }),
  );
});
