/** Where a request goes, read as Go's HTTP server reads it. */
export interface RequestTarget {
  /** Decoded, one character an octet. */
  readonly path: string;
  /** Still escaped: here an escaped slash is no separator. */
  readonly escapedPath: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

/** An answer that is given as a whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Plain, unless the headers name another type; empty: of no type. */
  readonly text: string;
}

/** What of `OPTIONS` and no path is asked for: the server as such. */
const SERVER: RequestTarget = { path: "*", escapedPath: "*", query: "" };
const NO_PATH: WholeAnswer = { status: 400, headers: [["Connection", "close"]], text: "" };
const BETA = "/v3beta/";
const V3 = "/v3/";

/** Nothing that is here has a longer one: a path of a megabyte would hold the loop up while it is cleaned and escaped. */
export const MAX_PATH_CHARS = 16 * 1024;

/** Reads a target in any of HTTP's forms; undefined when it is malformed, or its path absurdly long. */
export function requestTarget(target: string, method = "GET"): RequestTarget | undefined {
  if (target === SERVER.path) return SERVER;
  const withoutOrigin = withoutOriginOf(target, method);
  const mark = withoutOrigin.indexOf("?");
  const sentPath = mark < 0 ? withoutOrigin : withoutOrigin.slice(0, mark);
  // A question mark alone asks for nothing.
  const query = mark < 0 || mark === withoutOrigin.length - 1 ? "" : withoutOrigin.slice(mark);
  if (sentPath.length > MAX_PATH_CHARS || /%(?![0-9a-fA-F]{2})/.test(sentPath)) return undefined;
  const path = unescapePath(sentPath);
  // What has to be escaped and is not makes Go escape all of it, its own way.
  return { path, escapedPath: IS_ESCAPED.test(sentPath) ? sentPath : escapePath(path), query };
}

/** As `requestTarget`, on the client port: `/v3beta/` is `/v3/` there. */
export function clientTarget(text: string, method?: string): RequestTarget | undefined {
  const target = requestTarget(text, method);
  if (target === undefined || !target.path.startsWith(BETA)) return target;
  const path = V3 + target.path.slice(BETA.length);
  return { path, escapedPath: escapePath(path), query: target.query };
}

/** CONNECT names a host first, unless it names a path. */
function withoutOriginOf(target: string, method: string): string {
  if (method !== "CONNECT" || target.startsWith("/")) return target.replace(ORIGIN, "");
  const slash = target.indexOf("/");
  return slash < 0 ? "" : target.slice(slash);
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i;
/** What may stand in an escaped path. */
const IS_ESCAPED = /^[A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]%]*$/;

/** The elements of the path, each decoded. The first one is empty: what stands before the first slash. */
export function pathElements({ escapedPath }: Pick<RequestTarget, "escapedPath">): string[] {
  return escapedPath.split("/").map(unescapePath);
}

/** The path with its elements decoded; empty when one of them has a slash in it: nothing that is here has. */
export function plainPath(target: Pick<RequestTarget, "escapedPath">): string {
  const elements = pathElements(target);
  return elements.some((element) => element.includes("/")) ? "" : elements.join("/");
}

/** Whether the target lies in `subtree`, a path that ends with a slash. */
export function isUnder({ escapedPath }: Pick<RequestTarget, "escapedPath">, subtree: string): boolean {
  const wanted = subtree.split("/");
  const elements = escapedPath.split("/", wanted.length);
  // What follows the last slash may be anything.
  wanted.pop();
  return elements.length > wanted.length && wanted.every((name, i) => unescapePath(elements[i]!) === name);
}

/** Whether the target lies under `/v3/`. */
export function isUnderV3(target: RequestTarget): boolean {
  return isUnder(target, V3);
}

/** The subtrees of the client port. */
export function clientSubtrees(hasGateway: boolean): readonly string[] {
  return hasGateway ? [V3] : [];
}

/**
 * What a request is answered before anybody looks what its target names; undefined when it may go there. `subtrees` are
 * paths that end with a slash, and without it lead there.
 */
export function answerBefore(
  target: RequestTarget,
  method: string,
  subtrees: readonly string[],
): WholeAnswer | undefined {
  if (target === SERVER) return isOfServer(target, method) ? { status: 200, headers: [], text: "" } : NO_PATH;
  const location = redirection(target, method, subtrees);
  if (location === undefined) return undefined;
  const headers = [["Location", location]] as const;
  if (method !== "GET" && method !== "HEAD") return { status: 307, headers, text: "" };
  return {
    status: 307,
    headers: [...headers, ["Content-Type", "text/html; charset=utf-8"]],
    text: `<a href="${escapeHtml(location)}">Temporary Redirect</a>.\n\n`,
  };
}

/** Whether a request asks what the server as such can do: Go answers it before anything else. */
export function isOfServer(target: RequestTarget, method: string): boolean {
  return target === SERVER && method === "OPTIONS";
}

/**
 * Where Go's router sends a request instead: to the path without empty, `.` and `..` elements, and into a subtree.
 * Undefined when the path is as it should be. As there, what was escaped is so once more.
 */
export function redirection(
  { escapedPath, query }: RequestTarget,
  method: string,
  subtrees: readonly string[],
): string | undefined {
  const cleaned = method === "CONNECT" ? escapedPath : cleanPath(escapedPath);
  const subtree = subtrees.find((path) => path === `${plainPath({ escapedPath: cleaned })}/`);
  if (subtree !== undefined) return subtree + query;
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

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replace(/[<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
