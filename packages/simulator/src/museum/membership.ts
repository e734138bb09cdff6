import type { Backend } from "@quorate/server/simulation";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

export const MEMBERSHIP_EXHIBITS: readonly Exhibit[] = [
  {
    name: "zombie-members",
    mistake: "a removed member stays in the database, and is a member again after a restart",
    origin: "etcd#13196",
    circumstances: { replacesMembers: true },
    inMember({ parts }) {
      const { backend } = parts.context;
      replaceMethod<Backend["delete"]>(backend, "delete", (remove) => (table, key) => {
        if (table !== "members") remove(table, key);
      });
    },
  },
];
