/** A member as the old store kept it. */
export interface V2Member {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  /** Empty before the member has started for the first time. */
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export interface V2Membership {
  readonly members: readonly V2Member[];
  readonly removedIds: readonly bigint[];
  /** Of the cluster, such as `3.7.0`; undefined until it is decided. */
  readonly clusterVersion: string | undefined;
}

interface V2Node {
  Path: string;
  CreatedIndex: number;
  ModifiedIndex: number;
  ExpireTime: string;
  Value: string;
  Children: Record<string, V2Node> | null;
}

/**
 * The data of a raft snapshot: membership as JSON of etcd's old store. etcd 3.5 takes the membership from it, 3.6
 * checks that it is there and holds nothing else, 3.7 writes it and does not read it.
 */
export function encodeV2Store(membership: V2Membership): Uint8Array {
  const cluster = directory("/0", 0);
  const members = addChild(cluster, "members", directory("/0/members", 1));
  for (const member of membership.members) {
    const node = addChild(members, hex(member.id), directory(`/0/members/${hex(member.id)}`, 1));
    const raft = member.isLearner
      ? { peerURLs: member.peerUrls, isLearner: true }
      : { peerURLs: member.peerUrls };
    addKey(node, "raftAttributes", JSON.stringify(raft));
    if (member.clientUrls.length > 0) {
      addKey(node, "attributes", JSON.stringify({ name: member.name, clientURLs: member.clientUrls }));
    }
  }
  if (membership.removedIds.length > 0) {
    const removed = addChild(cluster, "removed_members", directory("/0/removed_members", 1));
    for (const id of membership.removedIds) addKey(removed, hex(id), "");
  }
  if (membership.clusterVersion !== undefined) addKey(cluster, "version", membership.clusterVersion);
  const root = directory("/", 0);
  addChild(root, "0", cluster);
  addChild(root, "1", directory("/1", 0));
  return new TextEncoder().encode(JSON.stringify({ Root: root, CurrentIndex: 1, CurrentVersion: 2 }));
}

const PERMANENT = "0001-01-01T00:00:00Z";

function directory(path: string, index: number): V2Node {
  return node(path, index, "", {});
}

function addKey(parent: V2Node, name: string, value: string): void {
  addChild(parent, name, node(`${parent.Path}/${name}`, 1, value, null));
}

function addChild(parent: V2Node, name: string, child: V2Node): V2Node {
  parent.Children![name] = child;
  return child;
}

function node(path: string, index: number, value: string, children: V2Node["Children"]): V2Node {
  return {
    Path: path,
    CreatedIndex: index,
    ModifiedIndex: index,
    ExpireTime: PERMANENT,
    Value: value,
    Children: children,
  };
}

function hex(id: bigint): string {
  return id.toString(16);
}
