import type { Gauge, Registry } from "prom-client";
import type { Prometheus } from "./load-prometheus.ts";

/** When the certificates of a member end. */
export interface CertificateExpiries {
  expiries(): readonly { readonly flag: string; readonly serial: string; readonly seconds: number }[];
}

export function publishCertificateExpiry(
  library: Prometheus,
  registry: Registry,
  certificates: CertificateExpiries,
): void {
  const gauge: Gauge<"flag" | "serial"> = new library.Gauge({
    name: "quorate_certificate_expiry_seconds",
    help: "Time until a certificate in the file that a flag names expires; negative when it has.",
    labelNames: ["flag", "serial"],
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const { flag, serial, seconds } of certificates.expiries()) gauge.set({ flag, serial }, seconds);
    },
  });
}
