import { GrpcClient } from "@quorate/rpc/client";
import { decode } from "@quorate/wire";
import { type RangeResponse, RangeResponseSchema } from "@quorate/wire/etcdserverpb";
import { encodePutRequest, encodeRangeRequest } from "@quorate/wire/hot";
import { rangeRequest } from "../mvcc/testing.ts";
import type { Member } from "./member.ts";

/** A client of a running member, over its first URL. */
export function connect(member: Member): Promise<GrpcClient> {
  return GrpcClient.connect({ address: new URL(member.clientUrls[0]!).host });
}

export function put(client: GrpcClient, key: string, value: string | Uint8Array): Promise<Uint8Array> {
  const request = {
    key: Buffer.from(key),
    value: Buffer.from(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  return client.unary("/etcdserverpb.KV/Put", encodePutRequest(request));
}

/** A linearizable read of one key. */
export async function get(client: GrpcClient, key: string): Promise<RangeResponse> {
  const request = encodeRangeRequest(rangeRequest({ key: Buffer.from(key) }));
  return decode(RangeResponseSchema, await client.unary("/etcdserverpb.KV/Range", request));
}
