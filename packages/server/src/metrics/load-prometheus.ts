import { createRequire } from "node:module";
import { loadInSlices } from "../load-in-slices.ts";

export type Prometheus = typeof import("prom-client");

/**
 * The Prometheus library. What it depends on is loaded before it, one package in a turn of the event loop, so that nobody
 * waits for all of them at once.
 */
export async function loadPrometheus(): Promise<Prometheus> {
  const require = createRequire(import.meta.resolve("prom-client"));
  const { dependencies = {} } = require("./package.json") as { dependencies?: Record<string, string> };
  await loadInSlices(Object.keys(dependencies).map((name) => () => require(name)));
  return import("prom-client");
}
