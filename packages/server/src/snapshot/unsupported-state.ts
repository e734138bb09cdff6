import type { Backend } from "@quorate/storage/seams/backend";

const ENABLED = 1;

/**
 * Throws when the data was written under rules that this release cannot keep: serving it would hand everything to
 * everybody.
 */
export function refuseUnsupportedState(backend: Backend): void {
  const enabled = backend.get("auth", Buffer.from("authEnabled"));
  if (enabled?.[0] !== ENABLED) return;
  throw new Error(
    "authentication is enabled in this data, and this release does not support it: disable it first (etcdctl auth disable)",
  );
}
