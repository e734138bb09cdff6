import assert from "node:assert/strict";
import { test } from "node:test";
import { exponentialBounds, Histogram } from "@quorate/storage/histogram";
import { boundText, expositionText } from "./exposition-text.ts";
import { counter, gauge, histogram, info } from "./family.ts";

test("metrics become lines: a help, a type, and each series", () => {
  const seconds = new Histogram([0.5, 1]);
  for (const value of [0.25, 0.75, 2]) seconds.observe(value);
  const labels = { To: 'a "quoted" name' };
  const text = expositionText([
    counter("c_total", "Counts.", () => 3),
    gauge("g", "Levels.", () => [
      { labels, value: -1 },
      { labels: {}, value: Number.POSITIVE_INFINITY },
    ]),
    histogram("h_seconds", "Times.", () => [{ labels: { op: "x" }, value: seconds }]),
    info("i", "Says.", "version", () => "1\n2"),
    { name: "s", kind: "summary", help: "Sums.", read: () => ({ quantiles: [[0.5, 2]], sum: 4, count: 2 }) },
    counter("nothing_total", "Not used yet.", () => []),
  ]);
  assert.deepEqual(text.split("\n"), [
    "# HELP c_total Counts.",
    "# TYPE c_total counter",
    "c_total 3",
    "# HELP g Levels.",
    "# TYPE g gauge",
    'g{To="a \\"quoted\\" name"} -1',
    "g +Inf",
    "# HELP h_seconds Times.",
    "# TYPE h_seconds histogram",
    'h_seconds_bucket{op="x",le="0.5"} 1',
    'h_seconds_bucket{op="x",le="1"} 2',
    'h_seconds_bucket{op="x",le="+Inf"} 3',
    'h_seconds_sum{op="x"} 3',
    'h_seconds_count{op="x"} 3',
    "# HELP i Says.",
    "# TYPE i gauge",
    'i{version="1\\n2"} 1',
    "# HELP s Sums.",
    "# TYPE s summary",
    's{quantile="0.5"} 2',
    "s_sum 4",
    "s_count 2",
    "",
  ]);
});

test("bounds are spelled as Go spells them", () => {
  const spelled: readonly (readonly [number, string])[] = [
    [0.0001, "0.0001"],
    [0.00005, "5e-05"],
    [8.192, "8.192"],
    [524_288, "524288"],
    [8_388_608, "8.388608e+06"],
    [1e12, "1e+12"],
  ];
  for (const [bound, text] of spelled) assert.equal(boundText(bound), text);
  assert.equal(boundText(exponentialBounds(0.1, 2, 13).at(-1)!), "409.6");
});
