import { CLUSTER_VERSION } from "../version.ts";
import type { DowngradeInfo } from "./downgrade-info.ts";
import {
  compareVersions,
  formatVersion,
  isOneMinorBelow,
  minorOnly,
  parseVersion,
  sameMinor,
  type VersionNumber,
} from "./version-number.ts";

/** The cluster version while not all members are known, and the oldest that members understand. */
export const MIN_CLUSTER_VERSION = "3.0.0";

export interface ClusterVersionQuestion {
  /** Undefined until it is decided for the first time. */
  readonly clusterVersion: string | undefined;
  readonly downgrade: DowngradeInfo;
  /** Of every member, this one included; undefined for one that did not answer. */
  readonly serverVersions: readonly (string | undefined)[];
}

export type ClusterVersionDecision =
  | { readonly kind: "keep" }
  | { readonly kind: "set"; readonly version: string }
  /** The downgrade that is enabled cannot be carried out. */
  | { readonly kind: "invalid downgrade target" };

const KEEP: ClusterVersionDecision = { kind: "keep" };

/** What a leader makes of the versions of all members. */
export function decideClusterVersion(question: ClusterVersionQuestion): ClusterVersionDecision {
  const { clusterVersion, downgrade } = question;
  const lowest = lowestVersion(question.serverVersions);
  if (clusterVersion === undefined) {
    return { kind: "set", version: lowest === undefined ? MIN_CLUSTER_VERSION : minorText(lowest) };
  }
  const current = parseVersion(clusterVersion);
  if (lowest === undefined || current === undefined) return KEEP;
  if (downgrade.enabled) return decideDowngrade(current, lowest, downgrade);
  const isRaise = lowest.major === current.major && lowest.minor > current.minor;
  return isRaise ? { kind: "set", version: minorText(lowest) } : KEEP;
}

/** Whether every member has become of the version that the cluster is downgraded to. */
export function isDowngradeComplete(
  downgrade: DowngradeInfo,
  serverVersions: readonly (string | undefined)[],
): boolean {
  const target = parseVersion(downgrade.targetVersion);
  if (!downgrade.enabled || target === undefined) return false;
  return serverVersions.every((text) => {
    const version = text === undefined ? undefined : parseVersion(text);
    return version !== undefined && sameMinor(version, target);
  });
}

/** The version that a client names as the target of a downgrade (`X.Y` or `X.Y.Z`); undefined when it is none. */
export function parseTargetVersion(text: string): VersionNumber | undefined {
  const version = parseVersion(text) ?? parseVersion(`${text}.0`);
  return version === undefined ? undefined : minorOnly(version);
}

/**
 * Whether a member of this release may join a cluster whose other members report `clusterVersions` (undefined or
 * unreadable for those that do not know). One of them must fit, and none may be out of range.
 */
export function isCompatibleWithCluster(
  clusterVersions: readonly (string | undefined)[],
  downgradeEnabled: boolean,
): boolean {
  const own = parseVersion(CLUSTER_VERSION)!;
  const highest = downgradeEnabled ? { ...own, minor: own.minor + 1 } : own;
  const lowest = downgradeEnabled ? highest : parseVersion(MIN_CLUSTER_VERSION)!;
  const known = clusterVersions
    .map((text) => (text === undefined ? undefined : parseVersion(text)))
    .filter((version) => version !== undefined);
  return (
    known.length > 0 &&
    known.every((version) => compareVersions(version, lowest) >= 0 && compareVersions(version, highest) <= 0)
  );
}

function decideDowngrade(
  current: VersionNumber,
  lowest: VersionNumber,
  downgrade: DowngradeInfo,
): ClusterVersionDecision {
  const target = parseVersion(downgrade.targetVersion);
  if (target !== undefined && compareVersions(target, current) === 0) return KEEP;
  if (target === undefined || !isOneMinorBelow(current, target) || !isOneMinorBelow(lowest, target)) {
    return { kind: "invalid downgrade target" };
  }
  return { kind: "set", version: minorText(target) };
}

function lowestVersion(texts: readonly (string | undefined)[]): VersionNumber | undefined {
  let lowest: VersionNumber | undefined;
  for (const text of texts) {
    const version = text === undefined ? undefined : parseVersion(text);
    if (version === undefined) return undefined;
    if (lowest === undefined || compareVersions(version, lowest) < 0) lowest = version;
  }
  return lowest;
}

function minorText(version: VersionNumber): string {
  return formatVersion(minorOnly(version));
}
