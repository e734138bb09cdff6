import type { Table } from "../seams/backend.ts";

/** The buckets that every database of etcd's has, in the order in which they lie in the file. */
export const BUCKET_NAMES: readonly (Table | "key")[] = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
];
