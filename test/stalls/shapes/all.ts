import type { Shape } from "../shape.ts";
import { LEASES } from "./lease.ts";
import { MAINTENANCE } from "./maintenance.ts";
import { RANGES } from "./range.ts";
import { WATCHES, WATCHES_OF_HISTORY } from "./watch.ts";
import { DELETIONS, PUTS, TXNS } from "./writes.ts";

/** In their order: what needs history comes before what compacts it. */
export const SHAPES: readonly Shape[] = [
  ...RANGES,
  ...WATCHES_OF_HISTORY,
  ...TXNS,
  ...PUTS,
  ...WATCHES,
  ...LEASES,
  ...DELETIONS,
  ...MAINTENANCE,
];
