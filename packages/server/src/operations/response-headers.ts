import type { Term } from "@quorate/raft";
import type { Revision } from "@quorate/storage/seams/backend";
import type { HeaderEncoder } from "@quorate/wire/hot";

/** The header of all responses: who answers, and with which state. */
export class ResponseHeaders {
  readonly #encoder: HeaderEncoder;
  readonly #clusterId: bigint;
  readonly #memberId: bigint;
  readonly #applied: { readonly appliedTerm: Term };

  /** `encoder` is that of these IDs; `applied` is asked for the term of the last applied entry. */
  constructor(
    encoder: HeaderEncoder,
    clusterId: bigint,
    memberId: bigint,
    applied: { readonly appliedTerm: Term },
  ) {
    this.#encoder = encoder;
    this.#clusterId = clusterId;
    this.#memberId = memberId;
    this.#applied = applied;
  }

  /** Encoded. Hot. */
  bytes(revision: Revision): Uint8Array {
    return this.#encoder.encode(revision, this.#applied.appliedTerm);
  }

  /** For a message off the hot path. */
  fields(revision: Revision) {
    return { ...this.withoutRevision(), revision: BigInt(revision) };
  }

  /** As `fields`, for the Cluster RPCs. */
  withoutRevision() {
    return {
      clusterId: this.#clusterId,
      memberId: this.#memberId,
      raftTerm: BigInt(this.#applied.appliedTerm),
    };
  }
}
