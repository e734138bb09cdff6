import { decode, encode } from "@quorate/wire";
import { InternalField } from "@quorate/wire/hot";
import { DowngradeInfoSetRequestSchema } from "@quorate/wire/membershippb";
import { type DowngradeInfo, NO_DOWNGRADE } from "../cluster/downgrade-info.ts";
import { operation } from "./operation.ts";

/** That the cluster is to be downgraded, or no longer. */
export const DOWNGRADE_INFO = operation<DowngradeInfo, void>({
  field: InternalField.downgradeInfoSet,
  decode(bytes, start, end) {
    const { enabled, ver } = decode(DowngradeInfoSetRequestSchema, bytes.subarray(start, end));
    return enabled ? { enabled, targetVersion: ver } : NO_DOWNGRADE;
  },
  runsWhenCorrupt: true,
  apply: ({ membership }, info) => membership.applyDowngrade(info),
});

export function encodeDowngradeInfo({ enabled, targetVersion }: DowngradeInfo): Uint8Array {
  return encode(DowngradeInfoSetRequestSchema, { enabled, ver: targetVersion });
}
