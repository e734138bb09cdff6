const SCHEMES = ["http", "https", "unix", "unixs"];

/** etcd's rules for a member's URL, behind Go's for any; undefined when `url` keeps them all. */
export function memberUrlProblem(url: string): string | undefined {
  const parts = splitUrl(url);
  if ("problem" in parts) return `parse ${JSON.stringify(url)}: ${parts.problem}`;
  const { scheme, host, path } = parts;
  if (!SCHEMES.includes(scheme)) return `URL scheme must be http, https, unix, or unixs: ${url}`;
  if (scheme === "unix" || scheme === "unixs") return undefined;
  if (!/^(?:\[[^\]]*\]|[^:[\]]*):\d{1,5}$/.test(host)) {
    return `URL address does not have the form "host:port": ${url}`;
  }
  if (path !== "") return `URL must not contain a path: ${url}`;
  return undefined;
}

interface UrlParts {
  /** In lower case; empty without one. */
  readonly scheme: string;
  /** With the port, without the user. */
  readonly host: string;
  readonly path: string;
}

/** As Go's `url.Parse` does it, with its problems in its order. */
function splitUrl(url: string): UrlParts | { readonly problem: string } {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(url)) return { problem: "net/url: invalid control character in URL" };
  if (url.startsWith(":")) return { problem: "missing protocol scheme" };
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  const rest = (scheme === undefined ? url : url.slice(scheme.length + 1)).replace(/[?#].*$/s, "");
  if (!rest.startsWith("/")) {
    if (scheme !== undefined) return { scheme, host: "", path: "" };
    if (rest.split("/")[0]!.includes(":"))
      return { problem: "first path segment in URL cannot contain colon" };
  }
  const match = scheme !== undefined && /^\/\/([^/]*)(.*)$/s.exec(rest);
  const [, authority, path] = match || ["", "", rest];
  const host = authority!.slice(authority!.lastIndexOf("@") + 1);
  const problem = hostProblem(host) ?? escapeProblem(path!);
  return problem === undefined ? { scheme: scheme ?? "", host, path: path! } : { problem };
}

function hostProblem(host: string): string | undefined {
  if (host.startsWith("[") && !host.includes("]")) return "missing ']' in host";
  const behind = host.startsWith("[") ? host.slice(host.lastIndexOf("]") + 1) : /:.*$/s.exec(host)?.[0];
  if (behind !== undefined && !/^(?::\d*)?$/.test(behind)) {
    return `invalid port ${JSON.stringify(behind)} after host`;
  }
  // A zone of an address may stand as it is.
  return host.startsWith("[") ? undefined : escapeProblem(host);
}

function escapeProblem(text: string): string | undefined {
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)?.[0];
  return wrong === undefined ? undefined : `invalid URL escape ${JSON.stringify(wrong)}`;
}
