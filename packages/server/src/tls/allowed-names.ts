import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { TlsSettings } from "../config/tls-settings.ts";

/** Whether the other side's verified leaf bears a name it must have. Without configured names every leaf does. */
export function hasAllowedName(leaf: X509Certificate | undefined, settings: TlsSettings): boolean {
  const { allowedCommonNames, allowedHostnames } = settings;
  if (allowedCommonNames.length > 0) {
    return leaf !== undefined && commonNames(leaf).some((name) => allowedCommonNames.includes(name));
  }
  if (allowedHostnames.length > 0) {
    return leaf !== undefined && allowedHostnames.some((name) => isValidFor(leaf, name));
  }
  return true;
}

/** As Go compares: by the SANs alone, never by the common name, and a wildcard is a whole label. */
export function isValidFor(leaf: X509Certificate, hostname: string): boolean {
  if (isIP(hostname) !== 0) return leaf.checkIP(hostname) !== undefined;
  return leaf.checkHost(hostname, { subject: "never", partialWildcards: false }) !== undefined;
}

function commonNames(leaf: X509Certificate): string[] {
  const { CN } = leaf.toLegacyObject().subject as { CN?: string | string[] };
  return CN === undefined ? [] : Array.isArray(CN) ? CN : [CN];
}
