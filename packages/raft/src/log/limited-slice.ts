import { entrySize, NO_LIMIT } from "../size.ts";
import type { Entry } from "../types.ts";
import type { EntryWindow } from "./entry-window.ts";

/** `window.slice(from, to)`, cut to `maxBytes` of encoded entries but never to less than one entry. */
export function limitedSlice(window: EntryWindow, from: number, to: number, maxBytes: number): Entry[] {
  if (maxBytes === NO_LIMIT) return window.slice(from, to);
  let bytes = 0;
  let end = from;
  while (end < to) {
    bytes += entrySize(window.at(end));
    if (bytes > maxBytes && end > from) break;
    end++;
  }
  return window.slice(from, end);
}
