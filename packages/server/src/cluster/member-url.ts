/** etcd's rules for a member's URL; undefined when `url` keeps them all. */
export function memberUrlProblem(url: string): string | undefined {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#]*)(.*)$/.exec(url);
  const scheme = match?.[1];
  if (match === null || !["http", "https", "unix", "unixs"].includes(scheme!)) {
    return `URL scheme must be http, https, unix, or unixs: ${url}`;
  }
  if (scheme === "unix" || scheme === "unixs") return undefined;
  if (!/^(?:\[[^\]]*\]|[^:[\]]*):\d{1,5}$/.test(match[2]!))
    return `URL address does not have the form "host:port": ${url}`;
  if (match[3] !== "") return `URL must not contain a path: ${url}`;
  return undefined;
}
