import { AlarmType } from "../alarm/alarm-store.ts";
import type { ComparisonContext } from "../api/context.ts";
import { propose } from "../api/propose.ts";
import { ALARM, encodeActivation } from "../operations/alarm.ts";
import { NOBODY } from "../operations/caller.ts";

/** Has the cluster agree that a member's data is corrupt, unless it has already. Rejects when that is not to be had now. */
export async function raiseCorruptAlarm(
  context: Omit<ComparisonContext, "backend" | "store">,
  memberId: bigint,
): Promise<void> {
  if (context.alarms.list(AlarmType.CORRUPT).some((alarm) => alarm.memberId === memberId)) return;
  await propose(context, ALARM, encodeActivation(memberId, AlarmType.CORRUPT), NOBODY);
}
