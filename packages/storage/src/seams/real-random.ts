import { randomInt } from "node:crypto";
import type { Random } from "./random.ts";

/** `limit` up to 2^48 - 1. */
export const realRandom: Random = { below: (limit) => randomInt(limit) };
