import type { GrpcServer } from "@quorate/rpc/server";
import type { Members } from "../members/members.ts";
import type { Prefix } from "../namespace/prefix.ts";
import { AccessChecks } from "./access-checks.ts";
import { WatchStream } from "./watch-stream.ts";
import { WatchedRanges } from "./watched-ranges.ts";

/** Watches of clients, of which those of the same keys share one of a member. */
export class WatchService {
  readonly #checks: AccessChecks;
  readonly #prefix: Prefix;
  readonly #streams = new Set<WatchStream>();
  readonly ranges: WatchedRanges;

  constructor(members: Members, prefix: Prefix) {
    this.#checks = new AccessChecks(members);
    this.#prefix = prefix;
    this.ranges = new WatchedRanges(members, prefix);
  }

  /** Octets that clients have not taken yet. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const stream of this.#streams) bytes += stream.queuedBytes;
    return bytes;
  }

  register(server: GrpcServer): void {
    server.stream("/etcdserverpb.Watch/Watch", (call) => {
      const parts = { checks: this.#checks, ranges: this.ranges, prefix: this.#prefix };
      const stream = new WatchStream(call, parts, () => this.#streams.delete(stream));
      this.#streams.add(stream);
    });
  }
}
