import type { Best } from "./assess.ts";
import type { Remains } from "./remains.ts";

/** What a new cluster may lack that the old one has acknowledged, and what it has beyond that. */
export function lossesOf(all: readonly Remains[], { log, database, cluster }: Best): string[] {
  const voters = [...cluster.members.values()].filter(({ isLearner }) => !isLearner).map(({ id }) => id);
  const here = new Set(all.flatMap((remains) => (remains.log === undefined ? [] : [remains.log.nodeId])));
  const present = voters.filter((id) => here.has(id)).length;
  const quorum = Math.floor(voters.length / 2) + 1;
  // What is committed is on a quorum: so many cannot all be outside of one.
  const needed = voters.length - quorum + 1;
  const known = Math.max(log.hardState.commit, database.index);
  const lines = [];
  const ofVoters = `logs of ${present} of ${voters.length} voters are here`;
  if (present >= needed)
    lines.push(`nothing that was acknowledged is lost, if disks have kept what they were given: ${ofVoters}`);
  else
    lines.push(
      `what others have acknowledged behind entry ${log.lastIndex} is lost, if there was anything: ` +
        `${ofVoters}, and it takes ${needed} to be sure`,
    );
  if (log.lastIndex > known)
    lines.push(
      `whether entries ${known + 1} to ${log.lastIndex} were committed is not known: ` +
        "the new cluster has them, also those whose clients were told that they had failed",
    );
  return lines;
}
