import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { loadPrometheus } from "./load-prometheus.ts";
import { runtimeMetrics } from "./runtime-metrics.ts";

test("to tell of the process nobody goes through its timers, sockets and files", async (t) => {
  const registry = runtimeMetrics(await loadPrometheus());
  const listings = [
    t.mock.method(process, "getActiveResourcesInfo"),
    t.mock.method(process as unknown as { _getActiveHandles(): unknown[] }, "_getActiveHandles"),
    t.mock.method(process as unknown as { _getActiveRequests(): unknown[] }, "_getActiveRequests"),
    t.mock.method(fs, "readdirSync"),
  ];
  const text = await registry.metrics();
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  assert.deepEqual(
    listings.map(({ mock }) => mock.callCount()),
    [0, 0, 0, 0],
  );
  registry.clear();
});
