import { decodeKeyValue, encodeEvent, encodeKeyValue } from "@quorate/wire/hot";
import type { Change, WatchSource } from "./source.ts";

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
    const before = change.main - 1;
    if (before < source.compactRevision) return this.bytes();
    if (this.full !== undefined) return this.full;
    let previous: Uint8Array | undefined;
    if (change.deleted || decodeKeyValue(change.record).createRevision !== change.main) {
      previous = source.getAt(change.key, before);
    }
    this.full =
      previous === undefined ? this.bytes() : encodeEvent(change.deleted, keyValueOf(change), previous);
    return this.full;
  }

  /** Bytes of the encoded forms that are held. */
  get heldBytes(): number {
    return (this.plain?.length ?? 0) + (this.full?.length ?? 0);
  }

  /** Lets go of the form with the previous value, which may be much larger than the change itself. */
  forgetPrevious(): void {
    this.full = undefined;
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
