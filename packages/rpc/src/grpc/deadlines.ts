/** Where the deadlines get their time from. */
export interface RpcClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Calls `callback` once after about `delayMs`; returns a function that prevents it. Must not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

export const SYSTEM_CLOCK: RpcClock = {
  nowMs: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, 0x7fff_ffff));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Something with a deadline. */
export interface Expiring {
  onDeadline(): void;
}

/** A deadline in the wheel; the caller keeps it to cancel it. */
export class Deadline {
  readonly atMs: number;
  readonly owner: Expiring;
  slot = -1;
  previous: Deadline | undefined = undefined;
  next: Deadline | undefined = undefined;

  constructor(atMs: number, owner: Expiring) {
    this.atMs = atMs;
    this.owner = owner;
  }
}

const TICK_MS = 4;
const SLOTS = 1024;
/** So many deadlines are met in one turn of the event loop; of more the others are met in the next ones. */
export const MET_IN_A_TURN = 1024;

/**
 * A timing wheel: setting and cancelling a deadline are O(1), which matters because nearly every deadline is cancelled.
 * A slot holds the deadlines of one tick of every turn of the wheel (about 4 s); later turns wait in it. One timer runs,
 * for the next slot that is not empty, so an idle process wakes once a turn at most.
 */
export class DeadlineWheel {
  readonly #clock: RpcClock;
  readonly #slots: (Deadline | undefined)[] = new Array(SLOTS).fill(undefined);
  #count = 0;
  /** All ticks before this one have been looked at. */
  #nextTick = 0;
  #armedTick = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined = undefined;

  constructor(clock: RpcClock) {
    this.#clock = clock;
  }

  add(atMs: number, owner: Expiring): Deadline {
    const deadline = new Deadline(atMs, owner);
    if (this.#count === 0) this.#nextTick = Math.floor(this.#clock.nowMs() / TICK_MS);
    // Rounded up: never early.
    const tick = Math.max(this.#nextTick, Math.ceil(atMs / TICK_MS));
    deadline.slot = tick % SLOTS;
    const head = this.#slots[deadline.slot];
    deadline.next = head;
    if (head !== undefined) head.previous = deadline;
    this.#slots[deadline.slot] = deadline;
    this.#count++;
    const lookTick = Math.min(tick, this.#nextTick + SLOTS - 1);
    if (lookTick < this.#armedTick) this.#arm(lookTick);
    return deadline;
  }

  cancel(deadline: Deadline): void {
    if (deadline.slot < 0) return;
    if (deadline.previous === undefined) this.#slots[deadline.slot] = deadline.next;
    else deadline.previous.next = deadline.next;
    if (deadline.next !== undefined) deadline.next.previous = deadline.previous;
    deadline.slot = -1;
    deadline.previous = undefined;
    deadline.next = undefined;
    this.#count--;
  }

  #arm(tick: number): void {
    this.#cancelTimer?.();
    this.#armedTick = tick;
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.nowMs());
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#cancelTimer = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    const nowTick = Math.floor(nowMs / TICK_MS);
    const due: Deadline[] = [];
    const first = Math.max(this.#nextTick, nowTick - SLOTS + 1);
    let tick = first;
    for (; tick <= nowTick && due.length < MET_IN_A_TURN; tick++) {
      let d = this.#slots[tick % SLOTS];
      for (; d !== undefined && due.length < MET_IN_A_TURN; d = d.next) if (d.atMs <= nowMs) due.push(d);
      // The timer comes back to its other deadlines.
      if (d !== undefined) break;
    }
    this.#nextTick = tick;
    for (const deadline of due) {
      if (deadline.slot < 0) continue; // cancelled by one before it
      this.cancel(deadline);
      deadline.owner.onDeadline();
    }
    if (this.#count === 0) return;
    for (let tick = this.#nextTick; tick < this.#nextTick + SLOTS; tick++) {
      if (this.#slots[tick % SLOTS] === undefined) continue;
      if (tick < this.#armedTick) this.#arm(tick);
      return;
    }
  }
}
