import { type FlagSpec, flag } from "./flag-spec.ts";

/** SRV records that name members. */
export const DISCOVERY_SRV: FlagSpec = flag(
  "discovery-srv",
  "string",
  "",
  "domain whose SRV records name the endpoints",
);
export const DISCOVERY_SRV_NAME: FlagSpec = flag(
  "discovery-srv-name",
  "string",
  "",
  "end of the name of the service in these records",
);
