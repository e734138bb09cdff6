import { encode } from "@quorate/wire";
import { InternalField } from "@quorate/wire/hot";
import {
  ClusterMemberAttrSetRequestSchema,
  ClusterVersionSetRequestSchema,
} from "@quorate/wire/membershippb";
import type { ApiContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { CLUSTER_VERSION } from "../version.ts";

/** Agrees on the cluster version and tells this member's name and URLs, through the log; then it may serve. */
export async function publish(context: ApiContext): Promise<void> {
  const { config, membership } = context;
  if (membership.version === undefined) {
    const request = encode(ClusterVersionSetRequestSchema, { ver: CLUSTER_VERSION });
    await propose(context, InternalField.clusterVersionSet, request, (applier) =>
      applier.clusterVersion(CLUSTER_VERSION),
    );
  }
  const memberId = membership.localId;
  const request = encode(ClusterMemberAttrSetRequestSchema, {
    memberID: memberId,
    memberAttributes: { name: config.name, clientUrls: [...config.advertiseClientUrls] },
  });
  await propose(context, InternalField.clusterMemberAttrSet, request, (applier) =>
    applier.memberAttributes(memberId, config.name, config.advertiseClientUrls),
  );
}
