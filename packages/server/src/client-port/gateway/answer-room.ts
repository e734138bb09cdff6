import { WaitingRoom } from "@quorate/rpc/server";
import type { Clock } from "@quorate/storage/seams/clock";

/** Long answers of a connection that are in the making at the same time; more wait. */
const MOST_IN_THE_MAKING = 16;

/**
 * Room for the long answers of one connection on which requests come at the same time: as long as too much of earlier
 * ones has not been sent, further ones are not made. All others are.
 */
class AnswerRoom {
  readonly #clock: Pick<Clock, "soon">;
  readonly #waiting: WaitingRoom;
  #inTheMaking = 0;
  /** In the form in which they were made. */
  #unsentBytes = 0;
  #rechecks = false;

  constructor(maxUnsentBytes: number, clock: Pick<Clock, "soon">) {
    this.#clock = clock;
    this.#waiting = new WaitingRoom(
      () => this.#inTheMaking >= MOST_IN_THE_MAKING || this.#unsentBytes > maxUnsentBytes,
    );
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  enter(begin: () => void): void {
    this.#waiting.enter(begin);
  }

  count(inTheMaking: number, unsentBytes: number): void {
    this.#inTheMaking += inTheMaking;
    this.#unsentBytes += unsentBytes;
    if (!this.#waiting.isEmpty) this.#recheckSoon();
  }

  #recheckSoon(): void {
    if (this.#rechecks) return;
    this.#rechecks = true;
    this.#clock.soon(() => {
      this.#rechecks = false;
      if (this.#waiting.recheck()) this.#recheckSoon();
    });
  }
}

/** A connection has room for so many messages of the largest size, as over gRPC. */
const MESSAGES_PER_ROOM = 64;

/** The rooms of all connections on which requests come at the same time. */
export class AnswerRooms {
  readonly #rooms = new WeakMap<object, AnswerRoom>();
  readonly #maxUnsentBytes: number;
  readonly #clock: Pick<Clock, "soon">;

  /** `maxMessageBytes`: of a request over gRPC. */
  constructor(maxMessageBytes: number, clock: Pick<Clock, "soon">) {
    this.#maxUnsentBytes = MESSAGES_PER_ROOM * maxMessageBytes;
    this.#clock = clock;
  }

  /** The room of a connection; none where requests come one after another. */
  of(connection: object | undefined): AnswerRoom | undefined {
    if (connection === undefined) return undefined;
    let room = this.#rooms.get(connection);
    if (room === undefined) {
      room = new AnswerRoom(this.#maxUnsentBytes, this.#clock);
      this.#rooms.set(connection, room);
    }
    return room;
  }
}

/** The place of one answer in its connection's room. */
export class AnswerPlace {
  readonly #room: AnswerRoom | undefined;
  #inTheMaking = false;
  #left = false;

  /** Without a room there is room. */
  constructor(room: AnswerRoom | undefined) {
    this.#room = room;
  }

  /** Calls `begin` when the answer may be made, unless `leave` comes first. */
  whenRoom(begin: () => void): void {
    const room = this.#room;
    if (room === undefined) {
      begin();
      return;
    }
    room.enter(() => {
      if (this.#left) return;
      this.#inTheMaking = true;
      room.count(1, 0);
      begin();
    });
  }

  /** The answer has been made; returns what releases a part of it. */
  hold(parts: readonly Uint8Array[], release: (part: Uint8Array) => void): (part: Uint8Array) => void {
    const room = this.#room;
    if (room === undefined) return release;
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    room.count(0, bytes);
    this.#endMaking();
    return (part) => {
      const { length } = part;
      release(part);
      room.count(0, -length);
    };
  }

  /** No answer follows. */
  leave(): void {
    this.#left = true;
    this.#endMaking();
  }

  #endMaking(): void {
    if (!this.#inTheMaking) return;
    this.#inTheMaking = false;
    this.#room?.count(-1, 0);
  }
}
