import type { Backend } from "@quorate/storage/seams/backend";
import type { Membership } from "../cluster/membership.ts";
import { storageVersion } from "../cluster/storage-version.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { methodNotAllowed, type PlainRequest, type PlainResponse } from "./plain-text.ts";

/** `undefined` while not decided (cluster) or not readable (storage). */
export interface VersionSource {
  clusterVersion(): string | undefined;
  storageVersion(): string | undefined;
}

export function versionSource(member: {
  readonly membership: Membership;
  readonly backend: Backend;
}): VersionSource {
  return {
    clusterVersion: () => member.membership.version,
    storageVersion: () => storageVersion(member.backend),
  };
}

/** `GET /version`, on client and peer ports. */
export function handleVersion(source: VersionSource, req: PlainRequest, res: PlainResponse): void {
  if (req.method !== "GET") {
    methodNotAllowed(res);
    return;
  }
  res.writeHead(200, { "content-type": "application/json" });
  res.end(
    JSON.stringify({
      etcdserver: COMPATIBLE_VERSION,
      etcdcluster: source.clusterVersion() ?? "not_decided",
      storage: source.storageVersion() ?? "unknown",
    }),
  );
}
