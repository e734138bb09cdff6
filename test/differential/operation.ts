/** One operation of a differential run: plain data, so that a run can be printed, saved and replayed. */
import {
  CompactionRequest,
  DeleteRangeRequest,
  type DeleteRangeRequestInput,
  HashKVRequest,
  LeaseGrantRequest,
  LeaseLeasesRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
  PutRequest,
  type PutRequestInput,
  RangeRequest,
  type RangeRequestInput,
  TxnRequest,
  type TxnRequestInput,
} from "@quorate/testkit/messages";

export type Operation =
  | { readonly kind: "put"; readonly request: PutRequestInput; readonly extra?: string }
  | { readonly kind: "range"; readonly request: RangeRequestInput; readonly extra?: string }
  | { readonly kind: "rangeStream"; readonly request: RangeRequestInput }
  | { readonly kind: "deleteRange"; readonly request: DeleteRangeRequestInput; readonly extra?: string }
  | { readonly kind: "txn"; readonly request: TxnRequestInput; readonly extra?: string }
  | { readonly kind: "compact"; readonly request: { revision: number; physical: boolean } }
  | { readonly kind: "leaseGrant"; readonly request: { ID: bigint; TTL: number } }
  | { readonly kind: "leaseRevoke"; readonly request: { ID: bigint } }
  | { readonly kind: "leaseTimeToLive"; readonly request: { ID: bigint; keys: boolean } }
  | { readonly kind: "leaseLeases"; readonly request: Record<string, never> }
  | { readonly kind: "keepAlive"; readonly request: { ID: bigint } }
  | { readonly kind: "hashKv"; readonly request: { revision: number } }
  | {
      readonly kind: "watch";
      readonly request: { start_revision: number; prev_kv: boolean; filters: number[] };
    };

export type Kind = Operation["kind"];

/** The unary ones: gRPC path and the encoded request, `extra` (hex) appended behind it. */
export function encode(operation: Operation): { path: string; bytes: Buffer } | undefined {
  switch (operation.kind) {
    case "put":
      return { path: "KV/Put", bytes: withExtra(PutRequest.encode(operation.request), operation.extra) };
    case "range":
      return { path: "KV/Range", bytes: withExtra(RangeRequest.encode(operation.request), operation.extra) };
    case "deleteRange":
      return {
        path: "KV/DeleteRange",
        bytes: withExtra(DeleteRangeRequest.encode(operation.request), operation.extra),
      };
    case "txn":
      return { path: "KV/Txn", bytes: withExtra(TxnRequest.encode(operation.request), operation.extra) };
    case "compact":
      return { path: "KV/Compact", bytes: CompactionRequest.encode(operation.request) };
    case "leaseGrant":
      return { path: "Lease/LeaseGrant", bytes: LeaseGrantRequest.encode(operation.request) };
    case "leaseRevoke":
      return { path: "Lease/LeaseRevoke", bytes: LeaseRevokeRequest.encode(operation.request) };
    case "leaseTimeToLive":
      return { path: "Lease/LeaseTimeToLive", bytes: LeaseTimeToLiveRequest.encode(operation.request) };
    case "leaseLeases":
      return { path: "Lease/LeaseLeases", bytes: LeaseLeasesRequest.encode(operation.request) };
    case "hashKv":
      return { path: "Maintenance/HashKV", bytes: HashKVRequest.encode(operation.request) };
    default:
      return undefined;
  }
}

function withExtra(encoded: Buffer, extra: string | undefined): Buffer {
  return extra === undefined ? encoded : Buffer.concat([encoded, Buffer.from(extra, "hex")]);
}

/** Operations as JSON lines: byte strings as `{hex}`, 64-bit integers as `{int}`. */
export function toJson(operation: Operation): string {
  return JSON.stringify(operation, (_key, value: unknown) => {
    if (typeof value === "bigint") return { int: value.toString() };
    if (
      value !== null &&
      typeof value === "object" &&
      "type" in value &&
      value.type === "Buffer" &&
      "data" in value
    ) {
      return { hex: Buffer.from(value.data as number[]).toString("hex") };
    }
    return value;
  });
}

export function fromJson(line: string): Operation {
  return JSON.parse(line, (_key, value: unknown) => {
    if (value !== null && typeof value === "object") {
      if ("hex" in value && typeof value.hex === "string") return Buffer.from(value.hex, "hex");
      if ("int" in value && typeof value.int === "string") return BigInt(value.int);
    }
    return value;
  }) as Operation;
}
