import type { Access, Needs } from "./access.ts";

const GRANTED: Needs = {
  read: () => {},
  write: () => {},
  writeAttached: () => {},
  readAttached: async () => {},
  readAllAttached: async () => {},
  user: () => {},
  administrator: () => {},
  self: () => {},
  holder: () => {},
  unchanged: () => {},
};

/** Of a cluster without users. */
export const OPEN_ACCESS: Access = { isRestricted: false, needsOf: () => GRANTED };
