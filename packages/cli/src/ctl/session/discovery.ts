import { discoverEndpoints as lookUpEndpoints, systemDns } from "@quorate/client/dns";
import { ExitCode, exitWith } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import type { Output } from "../../command-line/output.ts";
import { quote } from "../../go-text/quote.ts";

/** The endpoints that a domain's SRV records name; empty when no domain is given. Throws Exit when there are none. */
export async function discoverEndpoints(
  flags: FlagValues,
  output: Output,
  dns = systemDns,
): Promise<string[]> {
  const domain = flags.text("discovery-srv");
  if (domain === "") return [];
  let found: string[];
  try {
    const endpoints = await lookUpEndpoints(dns, domain, flags.text("discovery-srv-name"));
    found = endpoints.map(({ url }) => url);
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
  if (flags.on("insecure-discovery")) return found;
  return found.filter((endpoint) => {
    if (!endpoint.startsWith("http://")) return true;
    output.errorLine(`ignoring discovered insecure endpoint ${quote(endpoint)}`);
    return false;
  });
}
