import type { Failpoints } from "../failpoints/index.ts";
import type { Clock } from "../seams/clock.ts";
import type { CommitSchedule } from "./commit-schedule.ts";

/** A commit with etcd's points around its steps; each step may be put off while the loop goes on. */
export async function commitWithFailpoints(
  points: Failpoints,
  setIndex: () => void,
  execute: () => Promise<Error | undefined>,
): Promise<Error | undefined> {
  await points.hit("commitBeforePreCommitHook");
  setIndex();
  await points.hit("commitAfterPreCommitHook");
  await points.hit("beforeCommit");
  const error = await execute();
  await points.hit("afterCommit");
  await points.hit("beforeStartDBTxn");
  await points.hit("afterStartDBTxn");
  return error;
}

/** The points around an entry's changes becoming part of the next commit; a sleep keeps them out of it for so long. */
export function writeBackWithFailpoints(points: Failpoints, clock: Clock, schedule: CommitSchedule): void {
  const after = () => {
    const waitMs = points.hitSync("afterWritebackBuf");
    if (waitMs > 0) clock.setTimer(waitMs, () => schedule.release());
    else schedule.release();
  };
  schedule.hold();
  const waitMs = points.hitSync("beforeWritebackBuf");
  if (waitMs > 0) clock.setTimer(waitMs, after);
  else after();
}
