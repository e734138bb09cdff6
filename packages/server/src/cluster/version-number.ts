/** A version as semver has it, as far as releases of etcd are told apart. */
export interface VersionNumber {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** What follows the hyphen, such as `alpha.0`; empty for a release. */
  readonly preRelease: string;
}

const FORM = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?$/;

/** Undefined for what is not `major.minor.patch`, with or without a pre-release and build metadata. */
export function parseVersion(text: string): VersionNumber | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, preRelease = ""] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), preRelease };
}

/** Without patch and pre-release, as the cluster version is. */
export function minorOnly(version: VersionNumber): VersionNumber {
  return { major: version.major, minor: version.minor, patch: 0, preRelease: "" };
}

/** Negative, zero or positive. Pre-releases come before their release, and are not told apart from each other. */
export function compareVersions(a: VersionNumber, b: VersionNumber): number {
  return (
    a.major - b.major ||
    a.minor - b.minor ||
    a.patch - b.patch ||
    Number(a.preRelease === "") - Number(b.preRelease === "")
  );
}

export function sameMinor(a: VersionNumber, b: VersionNumber): boolean {
  return a.major === b.major && a.minor === b.minor;
}

/** Whether `to` is what a cluster at `from` can be downgraded to: exactly one minor release less. */
export function isOneMinorBelow(from: VersionNumber, to: VersionNumber): boolean {
  return compareVersions(to, { major: from.major, minor: from.minor - 1, patch: 0, preRelease: "" }) === 0;
}

/** `3.7.0`. */
export function formatVersion(version: VersionNumber): string {
  const { major, minor, patch, preRelease } = version;
  return `${major}.${minor}.${patch}${preRelease === "" ? "" : `-${preRelease}`}`;
}

/** `3.7`. */
export function formatMinor(version: VersionNumber): string {
  return `${version.major}.${version.minor}`;
}
