import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { loadPrometheus } from "./load-prometheus.ts";

test("what the library depends on is loaded before it, in turns of its own", async () => {
  const require = createRequire(import.meta.resolve("prom-client"));
  const isLoaded = (name: string) => require.cache[require.resolve(name)] !== undefined;
  const seen: string[] = [];
  let isOver = false;
  const look = (): void => {
    seen.push(`${isLoaded("@opentelemetry/api")} ${isLoaded("prom-client")}`);
    if (!isOver) setImmediate(look);
  };
  look();
  const library = await loadPrometheus();
  isOver = true;
  assert.equal(seen[0], "false false");
  assert.ok(seen.includes("true false"));
  assert.equal(library.Registry, (await import("prom-client")).Registry);
});
