import { decodeKeyValue, encodeEvent, encodeKeyValue } from "@quorate/wire/hot";
import type { Change } from "../keys/change.ts";
import type { EventPieces } from "./event-pieces.ts";
import type { WatchSource } from "./source.ts";

/**
 * A change as watchers see it. Its `mvccpb.Event` bytes are made when the first watcher needs them and shared by all:
 * one form without the previous value, one with it, so nobody is shown a previous value who did not ask for it.
 */
export class WatchEvent {
  readonly change: Change;
  private plain: Uint8Array | undefined = undefined;
  private full: Uint8Array | undefined = undefined;

  constructor(change: Change) {
    this.change = change;
  }

  /** The event without the previous value. Shared: not to be changed. */
  bytes(): Uint8Array {
    this.plain ??= encodeEvent(this.change.deleted, keyValueOf(this.change), undefined);
    return this.plain;
  }

  /**
   * The event with the value the key had one revision before, unless the key was created by it or that revision has
   * been compacted by now. Shared: not to be changed.
   */
  bytesWithPrevious(source: WatchSource): Uint8Array {
    const { change } = this;
    if (change.main - 1 < source.compactRevision) return this.bytes();
    if (this.full !== undefined) return this.full;
    const previous = this.previousIn(source);
    this.full =
      previous === undefined ? this.bytes() : encodeEvent(change.deleted, keyValueOf(change), previous);
    return this.full;
  }

  /** Writes the event into `pieces`, with the previous value if `source` is given: as `bytes` or `bytesWithPrevious`. */
  appendTo(pieces: EventPieces, source: WatchSource | undefined): void {
    const known = source === undefined ? this.plain : this.full;
    if (known !== undefined) {
      pieces.append(known);
      return;
    }
    const { change } = this;
    const previous = source === undefined ? undefined : this.previousIn(source);
    pieces.appendEvent(change.deleted, keyValueOf(change), previous);
  }

  /** Borrowed until the next call of `source`. */
  private previousIn(source: WatchSource): Uint8Array | undefined {
    const { change } = this;
    const before = change.main - 1;
    if (before < source.compactRevision) return undefined;
    if (!change.deleted && decodeKeyValue(change.record).createRevision === change.main) return undefined;
    return source.getAt(change.key, before);
  }

  /** Bytes of the encoded forms that are held. */
  get heldBytes(): number {
    return (this.plain?.length ?? 0) + (this.full?.length ?? 0);
  }

  /**
   * Lets go of the encoded forms. They lie in slabs among short-lived messages, so keeping a few of them for long would
   * keep much more memory alive.
   */
  forgetBytes(): void {
    this.plain = undefined;
    this.full = undefined;
  }
}

/** A tombstone is stored as the bare key; the event of a delete tells the revision too. */
function keyValueOf(change: Change): Uint8Array {
  return change.deleted ? encodeKeyValue(change.key, 0, change.main, 0, NO_BYTES, 0n) : change.record;
}

const NO_BYTES = new Uint8Array(0);
