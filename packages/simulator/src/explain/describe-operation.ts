import type { Action, Answer } from "../clients/journal.ts";

/** What a client asked for, in a phrase. */
export function describeAction(action: Action): string {
  switch (action.kind) {
    case "put": {
      const lease = action.lease === undefined ? "" : ` with lease ${action.lease.toString(16)}`;
      return `put ${action.key} = ${action.value}${lease}`;
    }
    case "delete":
      return `delete ${action.key}`;
    case "swap": {
      const { key, value, expected, readRange } = action;
      const reads = readRange === undefined ? "" : `, and read ${readRange.key} to ${readRange.end}`;
      return `put ${key} = ${value} if its mod revision is ${expected}${reads}`;
    }
    case "range": {
      const keys = action.end === "" ? action.key : `${action.key} to ${action.end}`;
      return `${action.serializable ? "serializable" : "linearizable"} range ${keys}`;
    }
  }
}

/** What it was told, in a phrase. */
export function describeAnswer({ revision, changed, found }: Answer): string {
  const parts = [`revision ${revision}`];
  if (changed !== undefined) parts.push(changed ? "changed" : "not changed");
  if (found?.length === 0) parts.push("found nothing");
  else if (found !== undefined) {
    parts.push(...found.map(({ key, value, modRevision }) => `${key} = ${value} of revision ${modRevision}`));
  }
  return parts.join(", ");
}
