/** Where a request goes, read as Go's HTTP server reads it. */
export interface RequestTarget {
  /** Decoded, one character an octet; `/v3beta/` has become `/v3/`. */
  readonly path: string;
  /** Still escaped: here an escaped slash is no separator. */
  readonly escapedPath: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

const BETA = "/v3beta/";

/** Nothing that is here has a longer one: a path of a megabyte would hold the loop up while it is cleaned and escaped. */
export const MAX_PATH_CHARS = 16 * 1024;

/** Reads a target in any of HTTP's forms; undefined when it is malformed, or its path absurdly long. */
export function requestTarget(target: string): RequestTarget | undefined {
  const withoutOrigin = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const mark = withoutOrigin.indexOf("?");
  const escapedPath = mark < 0 ? withoutOrigin : withoutOrigin.slice(0, mark);
  const query = mark < 0 ? "" : withoutOrigin.slice(mark);
  if (escapedPath.length > MAX_PATH_CHARS) return undefined;
  if (/%(?![0-9a-fA-F]{2})/.test(escapedPath) || target === "*") return undefined;
  const path = unescapePath(escapedPath);
  if (!path.startsWith(BETA)) return { path, escapedPath, query };
  const released = `/v3/${path.slice(BETA.length)}`;
  return { path: released, escapedPath: escapePath(released), query };
}

/** The elements of the path, each decoded. The first one is empty: what stands before the first slash. */
export function pathElements({ escapedPath }: RequestTarget): string[] {
  return escapedPath.split("/").map(unescapePath);
}

/** Whether the target lies under `/v3/`. */
export function isUnderV3({ escapedPath }: RequestTarget): boolean {
  const end = escapedPath.indexOf("/", 1);
  return end > 0 && unescapePath(escapedPath.slice(0, end)) === "/v3";
}

/**
 * Where Go's router sends a request instead: to the path without empty, `.` and `..` elements, and from `/v3` into the
 * gateway if there is one. Undefined when the path is as it should be. As there, what was escaped is so once more.
 */
export function redirection(
  { escapedPath, query }: RequestTarget,
  method: string,
  hasGateway: boolean,
): string | undefined {
  const cleaned = method === "CONNECT" ? escapedPath : cleanPath(escapedPath);
  if (hasGateway && unescapePath(cleaned) === "/v3") return `/v3/${query}`;
  return cleaned === escapedPath ? undefined : escapePath(cleaned) + query;
}

/** `path` without doubled slashes and dot segments, a final slash kept. */
function cleanPath(path: string): string {
  if (path.startsWith("/") && !path.includes("//") && !path.includes("/.")) return path;
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const cleaned = `/${kept.join("/")}`;
  return path.endsWith("/") && cleaned !== "/" ? `${cleaned}/` : cleaned;
}

function unescapePath(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function escapePath(text: string): string {
  return text.replace(
    /[^A-Za-z0-9$&+,/:;=@._~-]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
