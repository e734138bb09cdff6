import { decode } from "@quorate/wire";
import {
  CampaignRequestSchema,
  LeaderRequestSchema,
  ProclaimRequestSchema,
  ResignRequestSchema,
} from "@quorate/wire/v3electionpb";
import { LockRequestSchema, UnlockRequestSchema } from "@quorate/wire/v3lockpb";
import type { Needs } from "../operations/access.ts";
import { allUnder, keyOf, prefixOf } from "./concurrency/contenders.ts";

const NO_END = new Uint8Array(0);

/** What the calls that a lock or an election makes need, as far as its request says so. Throws WireError for what is none. */
export type NeedsOfContention = (
  message: Uint8Array,
  needs: Pick<Needs, "read" | "write" | "writeAttached">,
) => void;

const contend =
  (schema: typeof LockRequestSchema | typeof CampaignRequestSchema): NeedsOfContention =>
  (message, needs) => {
    const { name, lease } = decode(schema, message);
    const prefix = prefixOf(name);
    const { key, rangeEnd } = allUnder(prefix);
    needs.read(key, rangeEnd);
    if (lease === 0n) {
      // Its own key is under a lease that is still to be granted.
      needs.write(key, rangeEnd);
    } else {
      needs.write(keyOf(prefix, lease), NO_END);
      needs.writeAttached(lease);
    }
  };
const look: NeedsOfContention = (message, needs) => {
  const { key, rangeEnd } = allUnder(prefixOf(decode(LeaderRequestSchema, message).name));
  needs.read(key, rangeEnd);
};
const changeOwn =
  (schema: typeof ProclaimRequestSchema | typeof ResignRequestSchema): NeedsOfContention =>
  (message, needs) => {
    const { leader } = decode(schema, message);
    if (leader === undefined) return;
    needs.read(leader.key, NO_END);
    needs.write(leader.key, NO_END);
  };

const BY_PATH: ReadonlyMap<string, NeedsOfContention> = new Map([
  ["/v3lockpb.Lock/Lock", contend(LockRequestSchema)],
  [
    "/v3lockpb.Lock/Unlock",
    (message, needs) => needs.write(decode(UnlockRequestSchema, message).key, NO_END),
  ],
  ["/v3electionpb.Election/Campaign", contend(CampaignRequestSchema)],
  ["/v3electionpb.Election/Proclaim", changeOwn(ProclaimRequestSchema)],
  ["/v3electionpb.Election/Leader", look],
  ["/v3electionpb.Election/Observe", look],
  ["/v3electionpb.Election/Resign", changeOwn(ResignRequestSchema)],
]);

/** Undefined for the path of any other method. */
export function needsOfContention(path: string): NeedsOfContention | undefined {
  return BY_PATH.get(path);
}
