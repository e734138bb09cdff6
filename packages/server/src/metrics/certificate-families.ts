import { type Family, gauge } from "./family.ts";

/** When the certificates of a member end. */
export interface CertificateExpiries {
  expiries(): readonly { readonly flag: string; readonly serial: string; readonly seconds: number }[];
}

export function certificateFamilies(certificates: CertificateExpiries): Family[] {
  return [
    gauge(
      "quorate_certificate_expiry_seconds",
      "Time until a certificate in the file that a flag names expires; negative when it has.",
      () =>
        certificates
          .expiries()
          .map(({ flag, serial, seconds }) => ({ labels: { flag, serial }, value: seconds })),
    ),
  ];
}
