import { decode, encode } from "@quorate/wire";
import { InternalField } from "@quorate/wire/hot";
import { ClusterMemberAttrSetRequestSchema } from "@quorate/wire/membershippb";
import { operation } from "./operation.ts";
import type { ReplicatedState } from "./state.ts";

export interface MemberAttributes {
  readonly id: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/** What a member says of itself before it serves. */
export const MEMBER_ATTRIBUTES = operation<MemberAttributes, void>({
  field: InternalField.clusterMemberAttrSet,
  decode(bytes, start, end) {
    const message = decode(ClusterMemberAttrSetRequestSchema, bytes.subarray(start, end));
    const { name = "", clientUrls = [] } = message.memberAttributes ?? {};
    return { id: message.memberID, name, clientUrls };
  },
  runsWhenCorrupt: true,
  apply: setMemberAttributes,
});

export function encodeMemberAttributes({ id, name, clientUrls }: MemberAttributes): Uint8Array {
  return encode(ClusterMemberAttrSetRequestSchema, {
    memberID: id,
    memberAttributes: { name, clientUrls: [...clientUrls] },
  });
}

export function setMemberAttributes(
  { membership }: ReplicatedState,
  { id, name, clientUrls }: MemberAttributes,
): void {
  membership.applyAttributes(id, name, clientUrls);
}
