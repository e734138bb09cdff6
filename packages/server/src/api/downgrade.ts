import { type DowngradeInfo, NO_DOWNGRADE } from "../cluster/downgrade-info.ts";
import { parseTargetVersion } from "../cluster/version-negotiation.ts";
import {
  formatMinor,
  formatVersion,
  isOneMinorBelow,
  parseVersion,
  type VersionNumber,
} from "../cluster/version-number.ts";
import { RequestError } from "../errors.ts";
import type { Caller } from "../operations/caller.ts";
import { DOWNGRADE_INFO, encodeDowngradeInfo } from "../operations/downgrade-info.ts";
import type { DowngradeContext } from "./context.ts";
import { propose } from "./propose.ts";

/** `etcdserverpb.DowngradeRequest.DowngradeAction`. */
export const DowngradeAction = { VALIDATE: 0, ENABLE: 1, CANCEL: 2 } as const;

/** Carries `action` out; returns the cluster version at that moment, as `3.7`. */
export async function downgrade(
  context: DowngradeContext,
  action: number,
  target: string,
  caller: Caller,
): Promise<string> {
  switch (action) {
    case DowngradeAction.VALIDATE:
      return formatMinor((await checkTarget(context, target)).cluster);
    case DowngradeAction.ENABLE: {
      const checked = await checkTarget(context, target);
      await setDowngrade(context, { enabled: true, targetVersion: formatVersion(checked.target) }, caller);
      return formatMinor(checked.cluster);
    }
    case DowngradeAction.CANCEL:
      return cancel(context, caller);
    default:
      throw new RequestError("UNKNOWN_METHOD");
  }
}

async function checkTarget(
  { consensus, membership }: DowngradeContext,
  text: string,
): Promise<{ target: VersionNumber; cluster: VersionNumber }> {
  const target = parseTargetVersion(text);
  if (target === undefined) throw new RequestError("WRONG_DOWNGRADE_VERSION_FORMAT");
  if (membership.version === undefined) throw new RequestError("CLUSTER_VERSION_UNAVAILABLE");
  await consensus.linearizable();
  const cluster = parseVersion(membership.version);
  if (cluster === undefined || !isOneMinorBelow(cluster, target)) {
    throw new RequestError("INVALID_DOWNGRADE_TARGET_VERSION");
  }
  if (membership.downgrade.enabled) throw new RequestError("DOWNGRADE_IN_PROCESS");
  return { target, cluster };
}

/** Whatever fails is logged and not told, as in etcd. */
async function cancel(context: DowngradeContext, caller: Caller): Promise<string> {
  const { consensus, log, membership } = context;
  try {
    await consensus.linearizable();
    if (!membership.downgrade.enabled) throw new RequestError("NO_INFLIGHT_DOWNGRADE");
    await setDowngrade(context, NO_DOWNGRADE, caller);
  } catch (error) {
    log.warn("failed to cancel downgrade", { error: (error as Error).message });
  }
  const cluster = parseVersion(membership.version ?? "");
  return cluster === undefined ? "" : formatMinor(cluster);
}

async function setDowngrade(context: DowngradeContext, info: DowngradeInfo, caller: Caller): Promise<void> {
  await propose(context, DOWNGRADE_INFO, encodeDowngradeInfo(info), caller);
}
