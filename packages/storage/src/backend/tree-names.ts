import type { Table } from "../seams/backend.ts";

/** The tables whose entries are few and have keys and values of any form. `format` is ours, the others are etcd's. */
export type SmallTable = Table | "format";

/** All tables of a database file. */
export type TreeName = SmallTable | "key";

export const TREE_NAMES: readonly TreeName[] = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "format",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
];

/** The entry of table `format` that says how the tables are laid out. */
export const FORMAT_KEY = Buffer.from("version");
export const FORMAT_VERSION = Buffer.from("1");
