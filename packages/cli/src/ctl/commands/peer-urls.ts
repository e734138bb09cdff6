import { Exit, ExitCode } from "../../command-line/exit.ts";
import { quote } from "../../go-text/quote.ts";

const SCHEMES = ["http:", "https:", "unix:", "unixs:"];

/** Throws Exit when members could not be reached at one of them. */
export function checkPeerUrls(urls: readonly string[]): void {
  for (const text of urls) {
    const complaint = complaintOf(text.trim());
    if (complaint !== undefined) throw new Exit(ExitCode.ERROR, complaint);
  }
}

function complaintOf(text: string): string | undefined {
  const [, scheme = "", rest = ""] = /^([a-zA-Z][a-zA-Z0-9+.-]*:)?(.*)$/s.exec(text)!;
  if (scheme === "" && /^[^/?#]*:/.test(text))
    return `parse ${quote(text)}: first path segment in URL cannot contain colon`;
  if (!SCHEMES.includes(scheme.toLowerCase()))
    return `URL scheme must be http, https, unix, or unixs: ${text}`;
  const [, host = "", path = ""] = /^\/\/([^/?#]*)([^?#]*)/.exec(rest) ?? [];
  if (scheme.startsWith("unix")) return undefined;
  const missing = missingPort(host);
  if (missing !== undefined) return `URL address does not have the form "host:port": ${text}`;
  if (path !== "") return `URL must not contain a path: ${text}`;
  return undefined;
}

function missingPort(host: string): string | undefined {
  return /^(\[[^\]]*\]|[^:]*):\d*$/.test(host) ? undefined : "port";
}
