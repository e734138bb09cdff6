/** The address of a host's name, as text. Rejects when it cannot be found out. */
export type ResolveHost = (host: string) => Promise<string>;

/**
 * Compares two sets of peer URLs by where they lead: names and addresses of one host are equal, but `localhost` and unix
 * sockets are taken as they are. Resolves with why they differ, undefined when they do not. Never rejects.
 */
export async function peerUrlsDiffer(
  a: readonly string[],
  b: readonly string[],
  resolve: ResolveHost,
): Promise<string | undefined> {
  if (a.length !== b.length) return `len(${quoteAll(a)}) != len(${quoteAll(b)})`;
  const left = a.toSorted();
  const right = b.toSorted();
  if (left.every((url, i) => canonical(url) === canonical(right[i]!))) return undefined;
  try {
    const leftResolved = (await resolveAll(left, resolve)).sort();
    const rightResolved = (await resolveAll(right, resolve)).sort();
    const different = leftResolved.findIndex((url, i) => url !== rightResolved[i]);
    if (different < 0) return undefined;
    return `resolved urls: "${leftResolved[different]}" != "${rightResolved[different]}"`;
  } catch (error) {
    return (error as Error).message;
  }
}

async function resolveAll(urls: readonly string[], resolve: ResolveHost): Promise<string[]> {
  const resolved: string[] = [];
  for (const text of urls) {
    const url = URL.parse(text);
    if (url === null) throw new Error(`failed to parse string to URL: "${text}"`);
    if (isUnix(text) || url.hostname === "localhost" || isAddress(url.hostname)) {
      resolved.push(canonical(text));
      continue;
    }
    try {
      const address = await resolve(url.hostname);
      url.hostname = address.includes(":") ? `[${address}]` : address;
    } catch (error) {
      throw new Error(`failed to resolve "${text}" (${(error as Error).message})`);
    }
    resolved.push(canonical(url.href));
  }
  return resolved;
}

/** Equal for URLs that differ only in how they are written. */
function canonical(text: string): string {
  if (isUnix(text)) return text;
  const url = URL.parse(text);
  if (url === null) return text;
  return `${url.protocol}//${url.hostname}:${url.port || (url.protocol === "https:" ? "443" : "80")}`;
}

function isUnix(url: string): boolean {
  return /^unixs?:/.test(url);
}

/** Of a host as `URL` has normalized it. */
function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

function quoteAll(urls: readonly string[]): string {
  return `[${urls.map((url) => `"${url}"`).join(" ")}]`;
}
