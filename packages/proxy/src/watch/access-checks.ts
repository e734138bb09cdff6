import {
  decodeMessage,
  encodeMessage,
  RangeRequest,
  RangeResponse,
  type ResponseHeader,
} from "@quorate/wire/messages";
import type { Identity } from "../members/caller.ts";
import type { Members } from "../members/members.ts";

/** Keys as the cluster has them, and who wants to read them. */
export interface CheckedKeys {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly identity: Identity;
}

/** Asks members whether somebody may read keys: once for all who want to know the same in a turn. */
export class AccessChecks {
  readonly #members: Members;
  /** Those that have not been sent yet. */
  readonly #next = new Map<string, Promise<ResponseHeader>>();

  constructor(members: Members) {
    this.#members = members;
  }

  /** The header says at which revision the member was that has answered. Rejects with a GrpcError. */
  check(keys: CheckedKeys): Promise<ResponseHeader> {
    const id = [keys.identity.key, hex(keys.key), hex(keys.rangeEnd)].join("/");
    let check = this.#next.get(id);
    if (check === undefined) {
      check = this.#ask(id, keys);
      // Who has asked may have left when it fails.
      check.catch(() => {});
      this.#next.set(id, check);
    }
    return check;
  }

  async #ask(id: string, { key, rangeEnd, identity }: CheckedKeys): Promise<ResponseHeader> {
    await new Promise((resolve) => setImmediate(resolve));
    // Who asks from now on may have written something that this answer does not know of.
    this.#next.delete(id);
    const request = encodeMessage(RangeRequest, {
      key,
      rangeEnd,
      serializable: true,
      countOnly: true,
      limit: 1,
    });
    const onward = { metadata: identity.metadata, deadlineMs: Number.POSITIVE_INFINITY };
    const answer = await this.#members.unary("/etcdserverpb.KV/Range", request, onward, true);
    return decodeMessage(RangeResponse, answer).header ?? NO_HEADER;
  }
}

const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
