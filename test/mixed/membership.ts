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
    const client = cluster.client(follower);
    try {
      try {
        await client.memberPromote({ ID: learner.id }, 10_000);
      } catch (error) {
        // An earlier attempt that got no answer may have been carried out.
        const { members } = await client.memberList({ linearizable: true });
        if (!members.some(({ ID, isLearner }) => ID === learner.id && !isLearner)) throw error;
      }
      return;
    } catch (error) {
      if (performance.now() > giveUpAt) throw new Error(`${learner.name} was not promoted: ${textOf(error)}`);
    }
    await sleep(200);
  }
}
