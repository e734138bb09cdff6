import type { NodeId } from "../types.ts";

/** Ids are hexadecimal in log lines and in messages. */
export function hex(id: NodeId): string {
  return id.toString(16);
}
