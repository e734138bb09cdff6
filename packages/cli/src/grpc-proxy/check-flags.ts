import type { FlagValues } from "../command-line/flag-values.ts";

const TLS_VERSIONS = ["", "TLS1.2", "TLS1.3"];

/** What is wrong with the flags together, in etcd's words and order; undefined when nothing is. */
export function problemOf(flags: FlagValues): string | undefined {
  const prefix = flags.text("resolver-prefix");
  const ttl = flags.integer("resolver-ttl");
  if (prefix !== "" && ttl < 1n) return `invalid resolver-ttl ${ttl}`;
  if (prefix === "" && ttl > 0n) return `invalid resolver-prefix ${JSON.stringify(prefix)}`;
  if (prefix !== "" && flags.text("advertise-client-url") === "") return `invalid advertise-client-url ""`;
  if (flags.on("auto-tls") && flags.integer("self-signed-cert-validity") === 0n) {
    return "selfSignedCertValidity is invalid,it should be greater than 0";
  }
  const min = flags.text("tls-min-version");
  const max = flags.text("tls-max-version");
  for (const name of ["tls-min-version", "tls-max-version"]) {
    const version = flags.text(name);
    if (!TLS_VERSIONS.includes(version)) {
      return `${name} is invalid: unexpected TLS version ${JSON.stringify(version)} (must be one of: TLS1.2, TLS1.3)`;
    }
  }
  if (min === "TLS1.3" && max === "TLS1.2")
    return `min version (${min}) is greater than max version (${max})`;
  if (min === "TLS1.3" && flags.list("listen-cipher-suites").length > 0) {
    return "cipher suites cannot be configured when only TLS1.3 is enabled";
  }
  return undefined;
}
