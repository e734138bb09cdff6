/** Changes of members that the fault suites' cluster does not know. */

import { textOf } from "../cluster/client.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { sleep } from "../cluster/load/session.ts";
import type { MemberProcess } from "../cluster/member-process.ts";

const TIMEOUT_MS = 40_000;

/** Promotes a learner as soon as it is in sync; a follower is asked, which asks the leader. */
export async function promoteThroughFollower(cluster: Cluster, learner: MemberProcess): Promise<void> {
  const giveUpAt = performance.now() + TIMEOUT_MS;
  for (;;) {
    const follower = (await cluster.followers()).find((member) => member !== learner);
    if (follower === undefined) throw new Error("there is no follower to ask");
    try {
      await cluster.client(follower).memberPromote({ ID: learner.id }, 10_000);
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw new Error(`${learner.name} was not promoted: ${textOf(error)}`);
    }
    await sleep(200);
  }
}
