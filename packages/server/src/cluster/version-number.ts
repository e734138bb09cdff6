/** A version as semver has it, as far as releases of etcd are told apart. */
export interface VersionNumber {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** What follows the hyphen, such as `alpha.0`; empty for a release. */
  readonly preRelease: string;
}

const LARGEST_NUMBER = 2n ** 63n - 1n;
/** Zeros in front count for nothing, and nobody reads more digits than the largest number has. */
const NUMBER = /^0*(0|[1-9]\d{0,18})$/;
const IDENTIFIERS = /^[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*$/;

/**
 * Undefined for what is not `major.minor.patch`, with or without a pre-release and build metadata, as etcd reads it: numbers
 * have 63 bits (those beyond 2^53 are rounded here), a hyphen or a plus may have nothing behind it.
 */
export function parseVersion(text: string): VersionNumber | undefined {
  const [front, metadata] = splitAt(text, "+");
  const [numbers, preRelease] = splitAt(front, "-");
  if (!areIdentifiers(preRelease) || !areIdentifiers(metadata)) return undefined;
  const [major, minor, patch, ...rest] = numbers.split(".", 4).map(parseNumber);
  if (major === undefined || minor === undefined || patch === undefined || rest.length > 0) return undefined;
  return { major, minor, patch, preRelease };
}

/** What stands before and behind the first `delimiter`. */
function splitAt(text: string, delimiter: string): readonly [string, string] {
  const at = text.indexOf(delimiter);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function areIdentifiers(text: string): boolean {
  return text === "" || IDENTIFIERS.test(text);
}

function parseNumber(text: string): number | undefined {
  const digits = NUMBER.exec(text)?.[1];
  if (digits === undefined || BigInt(digits) > LARGEST_NUMBER) return undefined;
  return Number(digits);
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
