import type { Backend } from "@quorate/storage/seams/backend";
import { MIN_CLUSTER_VERSION } from "./version-negotiation.ts";
import {
  compareVersions,
  formatVersion,
  minorOnly,
  parseVersion,
  type VersionNumber,
} from "./version-number.ts";

const KEY = Buffer.from("storageVersion");
/** Storage is of this version when it does not say of which it is. */
const UNMARKED: VersionNumber = { major: 3, minor: 5, patch: 0, preRelease: "" };

export type StorageVersionDecision =
  | { readonly kind: "keep" }
  | { readonly kind: "set"; readonly version: string }
  | { readonly kind: "unmark" }
  /** The log still has entries that the older version would not understand. */
  | { readonly kind: "wait for a snapshot" };

/** What becomes of the storage version once the cluster's is decided. `canGoDown`: no newer entry is left in the log. */
export function decideStorageVersion(
  clusterVersion: string | undefined,
  storageVersion: string | undefined,
  canGoDown: boolean,
): StorageVersionDecision {
  const cluster = clusterVersion === undefined ? undefined : parseVersion(clusterVersion);
  if (cluster === undefined || clusterVersion === MIN_CLUSTER_VERSION) return { kind: "keep" };
  const current = minorOnly(
    (storageVersion === undefined ? undefined : parseVersion(storageVersion)) ?? UNMARKED,
  );
  const target = minorOnly(cluster);
  const isMarked = storageVersion !== undefined;
  const needsMark = compareVersions(target, UNMARKED) > 0;
  if (compareVersions(target, current) === 0 || (!isMarked && !needsMark)) return { kind: "keep" };
  if (compareVersions(target, current) < 0 && !canGoDown) return { kind: "wait for a snapshot" };
  return needsMark ? { kind: "set", version: formatVersion(target) } : { kind: "unmark" };
}

export function storageVersion(backend: Backend): string | undefined {
  const stored = backend.get("meta", KEY);
  return stored === undefined ? undefined : Buffer.from(stored).toString();
}

/** Takes the decision and carries it out; outside of an entry the caller commits afterwards. */
export function followClusterVersion(
  backend: Backend,
  clusterVersion: string | undefined,
  canGoDown: boolean,
): StorageVersionDecision {
  const decision = decideStorageVersion(clusterVersion, storageVersion(backend), canGoDown);
  if (decision.kind === "set") backend.put("meta", KEY, Buffer.from(decision.version));
  else if (decision.kind === "unmark") backend.delete("meta", KEY);
  return decision;
}
