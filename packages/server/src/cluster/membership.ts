import { type ConfChange, ConfChangeType, NONE } from "@quorate/raft";
import { assert } from "@quorate/storage/assert";
import type { Backend } from "@quorate/storage/seams/backend";
import type { RequestError } from "../errors.ts";
import { CLUSTER_VERSION } from "../version.ts";
import { validateConfChange } from "./conf-change.ts";
import {
  type DowngradeInfo,
  decodeDowngradeInfo,
  encodeDowngradeInfo,
  NO_DOWNGRADE,
} from "./downgrade-info.ts";
import { formatId } from "./ids.ts";
import { type ClusterMember, decodeConfChangeContext, decodeMember, encodeMember } from "./member-json.ts";
import { compareVersions, parseVersion } from "./version-number.ts";

/** What a configuration change did to the members: what the links to them must follow. */
export type MembershipChange =
  | { readonly kind: "added" | "promoted" | "updated"; readonly member: ClusterMember }
  | { readonly kind: "removed"; readonly id: bigint }
  | { readonly kind: "nothing" };

const CLUSTER_VERSION_KEY = Buffer.from("clusterVersion");
const DOWNGRADE_KEY = Buffer.from("downgrade");
const DEFAULT_MAX_LEARNERS = 1;

/**
 * The members of the cluster, their attributes, the cluster version and the downgrade under way: state that entries
 * change, kept in the backend's tables `members`, `members_removed` and `cluster`.
 */
export class Membership {
  readonly clusterId: bigint;
  readonly localId: bigint;
  /** Learners that the cluster may have; must be equal on all members. */
  readonly maxLearners: number;
  /** Whether this member is a learner; false also while it is not yet (or no longer) a member. */
  isLearner = false;
  /** Called after each decision on the cluster version, within the entry that made it. */
  onVersion: ((version: string, previous: string | undefined) => void) | undefined;
  readonly #backend: Backend;
  readonly #members = new Map<bigint, ClusterMember>();
  readonly #removed = new Set<bigint>();
  #version: string | undefined;
  #downgrade: DowngradeInfo = NO_DOWNGRADE;

  constructor(backend: Backend, clusterId: bigint, localId: bigint, maxLearners = DEFAULT_MAX_LEARNERS) {
    this.#backend = backend;
    this.clusterId = clusterId;
    this.localId = localId;
    this.maxLearners = maxLearners;
  }

  /**
   * Reads the tables anew, as after a restart or when a snapshot has replaced the backend. Throws when the cluster's
   * version is newer than this release.
   */
  restore(): void {
    this.#members.clear();
    this.#removed.clear();
    for (const [key, value] of this.#backend.entries("members")) {
      const member = decodeMember(Buffer.from(value).toString());
      assert(formatId(member.id) === Buffer.from(key).toString(), "a member is stored under its own ID");
      this.#members.set(member.id, member);
    }
    for (const [key] of this.#backend.entries("members_removed")) {
      this.#removed.add(BigInt(`0x${Buffer.from(key).toString()}`));
    }
    const version = this.#backend.get("cluster", CLUSTER_VERSION_KEY);
    this.#version = version === undefined ? undefined : Buffer.from(version).toString();
    if (this.#version !== undefined) refuseNewerVersion(this.#version);
    const downgrade = this.#backend.get("cluster", DOWNGRADE_KEY);
    this.#downgrade =
      downgrade === undefined ? NO_DOWNGRADE : decodeDowngradeInfo(Buffer.from(downgrade).toString());
    this.#refresh();
  }

  /** Ascending by ID. */
  get members(): readonly ClusterMember[] {
    return [...this.#members.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Ascending by ID. */
  get voters(): readonly ClusterMember[] {
    return this.members.filter((member) => !member.isLearner);
  }

  /** IDs that may never come back. */
  get removedIds(): readonly bigint[] {
    return [...this.#removed];
  }

  /** For example `3.7.0`; undefined until it is decided. */
  get version(): string | undefined {
    return this.#version;
  }

  get downgrade(): DowngradeInfo {
    return this.#downgrade;
  }

  /** False while no version is decided. */
  isVersionAtLeast(major: number, minor: number): boolean {
    if (this.#version === undefined) return false;
    const [ownMajor = 0, ownMinor = 0] = this.#version.split(".").map(Number);
    return ownMajor > major || (ownMajor === major && ownMinor >= minor);
  }

  member(id: bigint): ClusterMember | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: bigint): boolean {
    return this.#removed.has(id);
  }

  /** Why a committed change must have no effect, the same on every member; undefined when it may take effect. */
  validate(change: ConfChange): RequestError | undefined {
    return validateConfChange(
      { members: this.#members, removed: this.#removed, maxLearners: this.maxLearners },
      change,
    );
  }

  /** Carries out a change that `validate` has let pass; one of node 0 changes nothing. */
  applyConfChange(change: ConfChange): MembershipChange {
    const id = change.nodeId;
    if (id === NONE) return { kind: "nothing" };
    if (change.type === ConfChangeType.ConfChangeRemoveNode) {
      this.applyRemove(id);
      return { kind: "removed", id };
    }
    const { member, isPromote } = decodeConfChangeContext(change.context);
    if (change.type === ConfChangeType.ConfChangeUpdateNode) {
      return { kind: "updated", member: this.#replace(id, { peerUrls: member.peerUrls }) };
    }
    if (isPromote) return { kind: "promoted", member: this.#replace(id, { isLearner: false }) };
    this.applyAdd(member);
    return { kind: "added", member };
  }

  applyAdd(member: ClusterMember): void {
    this.#store(member);
  }

  applyRemove(id: bigint): void {
    this.#members.delete(id);
    this.#removed.add(id);
    this.#backend.delete("members", Buffer.from(formatId(id)));
    this.#backend.put("members_removed", Buffer.from(formatId(id)), Buffer.from("removed"));
    this.#refresh();
  }

  /** Returns false when no such member exists: it may have been removed meanwhile. */
  applyAttributes(id: bigint, name: string, clientUrls: readonly string[]): boolean {
    if (!this.#members.has(id)) return false;
    this.#replace(id, { name, clientUrls });
    return true;
  }

  /** Throws when `version` is newer than this release: the member cannot take part any longer. */
  applyVersion(version: string): void {
    refuseNewerVersion(version);
    const previous = this.#version;
    this.#version = version;
    this.#backend.put("cluster", CLUSTER_VERSION_KEY, Buffer.from(version));
    this.onVersion?.(version, previous);
  }

  applyDowngrade(info: DowngradeInfo): void {
    this.#downgrade = info;
    this.#backend.put("cluster", DOWNGRADE_KEY, Buffer.from(encodeDowngradeInfo(info)));
  }

  /** Everything that `changed` does not name stays: an update of URLs must not make a voter of a learner. */
  #replace(id: bigint, changed: Partial<ClusterMember>): ClusterMember {
    const member = this.#members.get(id);
    assert(member !== undefined, "only a known member is changed");
    const replaced = { ...member, ...changed };
    this.#store(replaced);
    return replaced;
  }

  #store(member: ClusterMember): void {
    this.#members.set(member.id, member);
    this.#backend.put("members", Buffer.from(formatId(member.id)), Buffer.from(encodeMember(member)));
    this.#refresh();
  }

  #refresh(): void {
    this.isLearner = this.#members.get(this.localId)?.isLearner ?? false;
  }
}

/** A version without meaning is as good as none: an older release may have had it. */
function refuseNewerVersion(text: string): void {
  const version = parseVersion(text);
  if (version === undefined || compareVersions(parseVersion(CLUSTER_VERSION)!, version) >= 0) return;
  throw new Error(
    `invalid downgrade; server version is lower than determined cluster version (${CLUSTER_VERSION} < ${text})`,
  );
}
