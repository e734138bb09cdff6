import { resolveSrv } from "node:dns/promises";
import type { FlagValues } from "../command-line/flag-values.ts";
import { Exit, ExitCode, exitWith } from "../exit.ts";
import { quote } from "../go-text/quote.ts";
import type { Output } from "../output/output.ts";

/** The endpoints that a domain's SRV records name; empty when no domain is given. Throws Exit when there are none. */
export async function discoverEndpoints(flags: FlagValues, output: Output): Promise<string[]> {
  const domain = flags.text("discovery-srv");
  if (domain === "") return [];
  const suffix = flags.text("discovery-srv-name");
  const service = (name: string) => `_${name}${suffix === "" ? "" : `-${suffix}`}._tcp.${domain}`;
  const [secure, plain] = await Promise.allSettled([
    lookUp(service("etcd-client-ssl"), "https"),
    lookUp(service("etcd-client"), "http"),
  ]);
  if (secure.status === "rejected" && plain.status === "rejected")
    throw exitWith(ExitCode.ERROR, plain.reason);
  const found = [secure, plain].flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  if (found.length === 0) throw new Exit(ExitCode.ERROR, `no SRV records of ${domain}`);
  if (flags.on("insecure-discovery")) return found;
  return found.filter((endpoint) => {
    if (!endpoint.startsWith("http://")) return true;
    output.errorLine(`ignoring discovered insecure endpoint ${quote(endpoint)}`);
    return false;
  });
}

async function lookUp(name: string, scheme: string): Promise<string[]> {
  const records = await resolveSrv(name);
  return records.map((record) => `${scheme}://${record.name.replace(/\.$/, "")}:${record.port}`);
}
