import { createRequire } from "node:module";
import { loadInSlices } from "../load-in-slices.ts";

/**
 * What prom-client loads, in an order in which no piece brings much with it. It is only about when they are loaded: what
 * another version of it has not got is left out, and what is missing here comes with its last piece.
 */
const PIECES = [
  "http",
  "https",
  "zlib",
  "@opentelemetry/api",
  "bintrees",
  "tdigest",
  "./lib/registry",
  "./lib/histogram",
  "./lib/defaultMetrics",
  "./index",
];

/** The metrics and the library under them, loaded without holding up the loop. */
export async function loadPrometheus(): Promise<typeof import("./prometheus.ts")> {
  const require = createRequire(import.meta.resolve("prom-client"));
  await loadInSlices(
    PIECES.map((piece) => () => {
      try {
        require(piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
      }
    }),
  );
  return import("./prometheus.ts");
}
