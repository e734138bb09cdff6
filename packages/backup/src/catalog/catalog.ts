import { BackupError } from "../errors.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { parseName, type SegmentName, type SnapshotName } from "./names.ts";

/** An unbroken piece of a cluster's history. */
export interface Chain {
  readonly cluster: string;
  readonly name: string;
  /** By revision, then by time. */
  readonly snapshots: readonly (SnapshotName & { readonly bytes: number })[];
  /** By their first revisions. Those of several writers may overlap. */
  readonly segments: readonly (SegmentName & { readonly bytes: number })[];
}

/** The chains in a store, by their clusters and then by age, the oldest first. `cluster`: only that one's. */
export async function loadChains(store: ObjectStore, cluster = ""): Promise<readonly Chain[]> {
  const chains = new Map<
    string,
    { snapshots: Chain["snapshots"][number][]; segments: Chain["segments"][number][] }
  >();
  for (const { name, bytes } of await store.list(cluster === "" ? "" : `${cluster}/`)) {
    const parsed = parseName(name);
    if (parsed === undefined) continue;
    const id = `${parsed.cluster}/${parsed.chain}`;
    const chain = chains.get(id) ?? { snapshots: [], segments: [] };
    chains.set(id, chain);
    if (parsed.kind === "snapshot") chain.snapshots.push({ ...parsed, bytes });
    else chain.segments.push({ ...parsed, bytes });
  }
  return [...chains].map(([id, content]) => {
    const [ofCluster, name] = id.split("/");
    return { cluster: ofCluster!, name: name!, ...content };
  });
}

/** The chains of the one cluster that is meant. Throws BackupError when there is none, or it is not clear which. */
export async function loadOneCluster(store: ObjectStore, cluster: string): Promise<readonly Chain[]> {
  const chains = await loadChains(store, cluster);
  const clusters = [...new Set(chains.map((chain) => chain.cluster))];
  if (clusters.length === 0) {
    const which = cluster === "" ? "" : ` of cluster ${cluster}`;
    throw new BackupError("NOT_KEPT", `there is no backup${which} in ${store.where}`);
  }
  if (clusters.length > 1)
    throw new BackupError(
      "SETTING",
      `there are backups of several clusters in ${store.where}: --cluster-id has to name one of ${clusters.join(", ")}`,
    );
  return chains;
}
