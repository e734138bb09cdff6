import { isUtf8 } from "node:buffer";
import { diff } from "node:util";
import type { KeyValue } from "@quorate/wire/messages";
import { leaseId } from "../../go-text/ids.ts";
import { decodedText } from "./decoding.ts";

/** Comparing takes memory by the square of what is different: so many lines 64 MiB. More are told as all gone, and all new. */
const MOST_LINES = 2_000;

export interface Change {
  readonly kind: "added" | "removed";
  readonly line: string;
}

/** What is different between two versions of a key, line by line; of nothing, all of the other is. */
export function changesBetween(
  before: Pick<KeyValue, "value" | "lease"> | undefined,
  after: Pick<KeyValue, "value" | "lease">,
): Change[] {
  const was = before === undefined ? [] : linesOf(before.value);
  const is = linesOf(after.value);
  const changes =
    was === undefined || is === undefined ? fieldChanges(before?.value, after.value) : lineChanges(was, is);
  return [...changes, ...leaseChanges(before?.lease ?? 0n, after.lease)];
}

/** Undefined of what is no text. */
function linesOf(value: Uint8Array): string[] | undefined {
  const text = decodedText(value, "auto") ?? (isText(value) ? Buffer.from(value).toString() : undefined);
  return text === "" ? [] : text?.replace(/\n$/, "").split("\n");
}

function isText(value: Uint8Array): boolean {
  return (
    isUtf8(value) && !value.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)
  );
}

function lineChanges(was: readonly string[], is: readonly string[]): Change[] {
  const shorter = Math.min(was.length, is.length);
  let before = 0;
  while (before < shorter && was[before] === is[before]) before++;
  let behind = 0;
  while (behind < shorter - before && was.at(-1 - behind) === is.at(-1 - behind)) behind++;
  const removed = was.slice(before, was.length - behind);
  const added = is.slice(before, is.length - behind);
  if (removed.length === 0 || added.length === 0 || removed.length + added.length > MOST_LINES)
    return [
      ...removed.map((line): Change => ({ kind: "removed", line })),
      ...added.map((line): Change => ({ kind: "added", line })),
    ];
  return diff(removed, added).flatMap(([sign, line]): Change[] => {
    if (sign === 0) return [];
    return [{ kind: sign > 0 ? "removed" : "added", line }];
  });
}

function fieldChanges(was: Uint8Array | undefined, is: Uint8Array): Change[] {
  if (was !== undefined && Buffer.compare(was, is) === 0) return [];
  const added: Change = { kind: "added", line: `bytes: ${is.length}` };
  if (was === undefined) return [added];
  const first = was.findIndex((byte, i) => byte !== is[i]);
  const at = first < 0 ? Math.min(was.length, is.length) : first;
  const where: Change = { kind: "added", line: `different from byte ${at} on` };
  if (was.length === is.length) return [where];
  return [{ kind: "removed", line: `bytes: ${was.length}` }, added, where];
}

function leaseChanges(was: bigint, is: bigint): Change[] {
  if (was === is) return [];
  return [
    ...(was === 0n ? [] : [{ kind: "removed", line: `lease: ${leaseId(was)}` } as const]),
    ...(is === 0n ? [] : [{ kind: "added", line: `lease: ${leaseId(is)}` } as const]),
  ];
}
