import type { Etcd } from "@quorate/testkit/grpc";

/** gRPC's OUT_OF_RANGE: nothing was written since the last time. */
const COMPACTED_ALREADY = 11;

/** Throws all old revisions away, and waits until they are gone. */
export async function compactAll(client: Etcd): Promise<void> {
  const { header } = await client.range({ key: "x", count_only: true });
  try {
    await client.compact({ revision: header!.revision, physical: true }, { deadlineMs: 120_000 });
  } catch (error) {
    if ((error as { readonly code?: number }).code !== COMPACTED_ALREADY) throw error;
  }
}
