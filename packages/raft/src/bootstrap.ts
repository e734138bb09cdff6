import { encodeConfChange } from "./confchange/codec.ts";
import { RaftError } from "./errors.ts";
import { applyConfChange } from "./membership.ts";
import type { Raft } from "./raft.ts";
import { becomeFollower } from "./roles/transitions.ts";
import { ConfChangeType, type Entry, EntryType, NONE, type NodeId } from "./types.ts";

/** A first member of a new group. */
export interface Peer {
  readonly id: NodeId;
  /** Goes into the entry that adds the member, for the application. */
  readonly context?: Uint8Array;
}

/**
 * Gives a node with empty storage the log that every first member of the group starts with: one committed entry for
 * each of `peers`, in that order. All of them must be given the same list.
 */
export function bootstrap(r: Raft, peers: readonly Peer[]): void {
  if (peers.length === 0) throw new RaftError("BOOTSTRAP_NO_PEERS");
  if (r.config.storage.lastIndex() !== 0) throw new RaftError("BOOTSTRAP_NONEMPTY_STORAGE");
  becomeFollower(r, 1, NONE);
  const changes = peers.map(({ id, context }) => ({
    type: ConfChangeType.ConfChangeAddNode,
    nodeId: id,
    ...(context === undefined ? {} : { context }),
  }));
  const entries: Entry[] = changes.map((change, i) => ({
    type: EntryType.EntryConfChange,
    term: 1,
    index: i + 1,
    data: encodeConfChange(change),
  }));
  r.log.append(entries);
  r.log.commitTo(entries.length);
  // Applied now, so that the member can campaign, and once more when the application gets to the entries: adding a
  // member that is there already changes nothing.
  for (const change of changes) applyConfChange(r, change);
}
