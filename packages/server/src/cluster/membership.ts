import { assert } from "../assert.ts";
import type { Backend } from "../seams/backend.ts";
import { formatId } from "./ids.ts";

/** One member as the cluster knows it. "Started" means that it has published its name. */
export interface ClusterMember {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

const CLUSTER_VERSION_KEY = Buffer.from("clusterVersion");

/**
 * The members of the cluster, their attributes and the cluster version: state that entries change, kept in the
 * backend's tables `members`, `members_removed` and `cluster`.
 */
export class Membership {
  readonly clusterId: bigint;
  readonly localId: bigint;
  readonly #backend: Backend;
  readonly #members = new Map<bigint, ClusterMember>();
  readonly #removed = new Set<bigint>();
  #version: string | undefined;

  constructor(backend: Backend, clusterId: bigint, localId: bigint) {
    this.#backend = backend;
    this.clusterId = clusterId;
    this.localId = localId;
  }

  /** Reads the tables anew, as after a restart. */
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
  }

  /** Ascending by ID. */
  get members(): readonly ClusterMember[] {
    return [...this.#members.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** IDs that may never come back. */
  get removedIds(): readonly bigint[] {
    return [...this.#removed];
  }

  /** For example `3.7.0`; undefined until it is decided. */
  get version(): string | undefined {
    return this.#version;
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

  applyAdd(member: ClusterMember): void {
    this.#store(member);
  }

  applyRemove(id: bigint): void {
    this.#members.delete(id);
    this.#removed.add(id);
    this.#backend.delete("members", Buffer.from(formatId(id)));
    this.#backend.put("members_removed", Buffer.from(formatId(id)), Buffer.from("removed"));
  }

  /** Returns false when no such member exists: it may have been removed meanwhile. */
  applyAttributes(id: bigint, name: string, clientUrls: readonly string[]): boolean {
    const member = this.#members.get(id);
    if (member === undefined) return false;
    this.#store({ ...member, name, clientUrls });
    return true;
  }

  applyVersion(version: string): void {
    this.#version = version;
    this.#backend.put("cluster", CLUSTER_VERSION_KEY, Buffer.from(version));
  }

  #store(member: ClusterMember): void {
    this.#members.set(member.id, member);
    this.#backend.put("members", Buffer.from(formatId(member.id)), Buffer.from(encodeMember(member)));
  }
}

/** The JSON that conf-change entries and the table `members` carry. The ID is a bare number of up to 64 bits. */
export function encodeMember(member: ClusterMember): string {
  const parts = [`"id":${member.id}`, `"peerURLs":${goJson(member.peerUrls)}`];
  if (member.isLearner) parts.push('"isLearner":true');
  if (member.name !== "") parts.push(`"name":${goJson(member.name)}`);
  if (member.clientUrls.length > 0) parts.push(`"clientURLs":${goJson(member.clientUrls)}`);
  return `{${parts.join(",")}}`;
}

/** Throws `SyntaxError` when `text` is not a member's JSON. */
export function decodeMember(text: string): ClusterMember {
  // IDs use all 64 bits: only the source text has them whole.
  const raw = JSON.parse(text, ((key: string, value: unknown, context?: { source?: string }) => {
    const isId = key === "id" && typeof value === "number" && /^\d+$/.test(context?.source ?? "");
    return isId ? BigInt(context!.source!) : value;
  }) as (key: string, value: unknown) => unknown) as Record<string, unknown>;
  if (typeof raw.id !== "bigint") throw new SyntaxError("a member needs a numeric id");
  return {
    id: raw.id,
    peerUrls: strings(raw.peerURLs),
    isLearner: raw.isLearner === true,
    name: typeof raw.name === "string" ? raw.name : "",
    clientUrls: strings(raw.clientURLs),
  };
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Go's encoder escapes what HTML could misread; log entries must be equal on all members. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
