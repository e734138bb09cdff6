/** A stream with a message that its window does not hold. */
export interface RoomUser {
  /** There is room now: the rest of the message may come. */
  onRoom(): void;
}

/**
 * Memory for the messages of a connection that are larger than a stream's window. Those that find room get the window
 * for all of it at once; the others wait in order, with no more than their window in memory. One message always has
 * room, and whoever has it needs nothing else to be completed, so waiting ends.
 */
export class MessageRoom {
  readonly #limitBytes: number;
  #usedBytes = 0;
  readonly #inside = new Map<RoomUser, number>();
  readonly #waiting = new Map<RoomUser, number>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Asks for a whole message of `bytes`. False: `onRoom` will be called. */
  enter(user: RoomUser, bytes: number): boolean {
    if (this.#waiting.size === 0 && this.#fits(bytes)) {
      this.#admit(user, bytes);
      return true;
    }
    this.#waiting.set(user, bytes);
    return false;
  }

  /** The message is complete, or not wanted any more. For one that never entered it does nothing. */
  leave(user: RoomUser): void {
    const bytes = this.#inside.get(user);
    if (bytes === undefined) {
      this.#waiting.delete(user);
    } else {
      this.#inside.delete(user);
      this.#usedBytes -= bytes;
    }
    for (const [next, nextBytes] of this.#waiting) {
      if (!this.#fits(nextBytes)) return;
      this.#waiting.delete(next);
      this.#admit(next, nextBytes);
      next.onRoom();
    }
  }

  #fits(bytes: number): boolean {
    return this.#inside.size === 0 || this.#usedBytes + bytes <= this.#limitBytes;
  }

  #admit(user: RoomUser, bytes: number): void {
    this.#inside.set(user, bytes);
    this.#usedBytes += bytes;
  }
}
