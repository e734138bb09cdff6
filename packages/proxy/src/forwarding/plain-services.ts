import type { GrpcServer } from "@quorate/rpc/server";
import type { RangeCache } from "../cache/range-cache.ts";
import type { Members } from "../members/members.ts";
import { forwardingStream } from "./server-stream.ts";
import { answering, forwarding } from "./unary.ts";

/** `reads` may be asked of another member when one does not answer; `writes` may change keys, or who may read them. */
interface PlainService {
  readonly name: string;
  readonly reads: readonly string[];
  readonly others: readonly string[];
  readonly writes: readonly string[];
  readonly streams: readonly string[];
}

const AUTH = "etcdserverpb.Auth";

const PLAIN_SERVICES: readonly PlainService[] = [
  {
    name: "etcdserverpb.Maintenance",
    reads: ["Status", "Hash", "HashKV"],
    others: ["Alarm", "Defragment", "MoveLeader", "Downgrade"],
    writes: [],
    streams: ["Snapshot"],
  },
  {
    name: AUTH,
    reads: ["AuthStatus", "Authenticate", "UserGet", "UserList", "RoleGet", "RoleList"],
    others: [],
    writes: [
      ...["AuthEnable", "AuthDisable"],
      ...["UserAdd", "UserDelete", "UserChangePassword", "UserGrantRole", "UserRevokeRole"],
      ...["RoleAdd", "RoleDelete", "RoleGrantPermission", "RoleRevokePermission"],
    ],
    streams: [],
  },
  { name: "v3lockpb.Lock", reads: [], others: [], writes: ["Lock", "Unlock"], streams: [] },
  {
    name: "v3electionpb.Election",
    reads: ["Leader"],
    others: [],
    writes: ["Campaign", "Proclaim", "Resign"],
    streams: ["Observe"],
  },
];

/**
 * Services whose calls go to a member as they come: without the namespace, as in etcd's proxy. `onAuthChange` hears when it may
 * have changed who may read what.
 */
export function registerPlainServices(
  server: GrpcServer,
  members: Members,
  cache: RangeCache,
  onAuthChange: () => void,
): void {
  for (const { name, reads, others, writes, streams } of PLAIN_SERVICES) {
    for (const method of [...reads, ...others, ...writes]) {
      const path = `/${name}/${method}`;
      const forward = forwarding(members, path, reads.includes(method));
      const clears = writes.includes(method);
      server.unary(
        path,
        answering(async (message, onward, call) => {
          try {
            return await forward(message, onward, call);
          } finally {
            if (clears) cache.clear();
            if (clears && name === AUTH) onAuthChange();
          }
        }),
      );
    }
    for (const method of streams)
      server.stream(`/${name}/${method}`, forwardingStream(members, `/${name}/${method}`));
  }
}
