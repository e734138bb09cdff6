import type { Access, Needs } from "./access.ts";

const GRANTED: Needs = {
  read: () => {},
  write: () => {},
  writeAttached: () => {},
  readAttached: async () => {},
  readAllAttached: async () => {},
  user: () => {},
  administrator: () => {},
  hasDuty: () => false,
  self: () => {},
  holder: () => {},
  unchanged: () => {},
};

/** Of a cluster without users. */
export const OPEN_ACCESS: Access = { isRestricted: false, needsOf: () => GRANTED };
