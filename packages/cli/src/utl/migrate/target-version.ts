import { compareVersions, formatMinor, type VersionNumber } from "@quorate/server/offline";
import { badArguments } from "../../command-line/exit.ts";
import { parseInt64 } from "../../go-text/parse-number.ts";
import { quote } from "../../go-text/quote.ts";

export const OLDEST: VersionNumber = { major: 3, minor: 5, patch: 0, preRelease: "" };

/** A release such as `3.6`, without its patches. Throws Exit, in etcd's words. */
export function parseTargetVersion(text: string): VersionNumber {
  if (text.split(".").length !== 2)
    throw badArguments(`wrong target version format, expected "X.Y", got ${quote(text)}`);
  const numbers = text.replace(/[-+].*$/s, "");
  if (numbers !== text) throw wrong(`${numbers} is not in dotted-tri format`);
  const [major, minor] = text.split(".").map(parseNumber);
  const version: VersionNumber = { ...OLDEST, major: major!, minor: minor! };
  if (compareVersions(version, OLDEST) < 0)
    throw badArguments(`target version "${formatMinor(version)}" not supported. Minimal "3.5"`);
  return version;
}

function parseNumber(text: string): number {
  try {
    return Number(parseInt64(text));
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function wrong(what: string): Error {
  return badArguments(`failed to parse target version: ${what}`);
}
