import { LARGE, type Shape, SMALL } from "../shape.ts";

const fewBytes = (): number => 2;

function small(method: string, what: string, fields: object = {}): Shape {
  return { method, what, ways: SMALL, requests: () => [{ ...fields }], leastBytes: fewBytes };
}

export const MAINTENANCE: readonly Shape[] = [
  small("Maintenance/Status", "of the member"),
  small("Maintenance/Alarm", "all alarms"),
  small("Maintenance/HashKV", "of the newest revision"),
  small("Maintenance/Hash", "of the database"),
  small("Maintenance/Defragment", "after all that was deleted"),
  small("Cluster/MemberList", "linearizable", { linearizable: true }),
  small("Auth/AuthStatus", "without users"),
  {
    ...small("Auth/Authenticate", "without users", { name: "somebody", password: "something" }),
    refusal: /9 etcdserver: authentication is not enabled|HTTP 400/,
  },
  {
    method: "Maintenance/Snapshot",
    what: "of everything",
    ways: LARGE,
    requests: () => [{}],
    leastBytes: ({ sizes }) => sizes.smallKeys * 40,
  },
];
