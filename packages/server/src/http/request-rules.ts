import type http from "node:http";

export type RefusedStatus = 400 | 417 | 431 | 501 | 505;

/** What may stand in a host and its port (RFC 3986 section 3.2.2), escapes and zones included. */
const HOST = /^[A-Za-z0-9!$%&'()*+,\-.:;=[\]_~]*$/;

/** Fields that say where a message ends, and may not come behind it (RFC 9110 section 6.5.1). */
const BEHIND_NO_BODY = /(?:^|,)[ \t]*(?:content-length|trailer|transfer-encoding)[ \t]*(?:$|,)/i;

/**
 * What a request is refused with for its headers, beyond what node:http refuses: as by Go's server, and because whoever stands
 * between the client and the member may read another host, or another end of the body, out of them (RFC 9112 sections 3.2, 6.1).
 */
export function refusedStatus(req: http.IncomingMessage): RefusedStatus | undefined {
  if (req.httpVersionMajor !== 1) return 505;
  const { rawHeaders, headers } = req;
  let hosts = 0;
  let codings = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (name === "host") hosts++;
    else if (name === "transfer-encoding") codings++;
  }
  const hasCoding = codings > 0 && req.httpVersion !== "1.0";
  if (hasCoding && (codings > 1 || headers["transfer-encoding"]!.toLowerCase() !== "chunked")) return 501;
  if (hasCoding && headers.trailer !== undefined && BEHIND_NO_BODY.test(headers.trailer)) return 400;
  if (hosts > 1 || !HOST.test(headers.host ?? "")) return 400;
  const expected = headers.expect;
  return expected === undefined || expected === "" || /(^|, *)100-continue($| *,)/i.test(expected)
    ? undefined
    : 417;
}
