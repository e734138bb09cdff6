import type { Backend } from "@quorate/storage/seams/backend";
import { decode, encode } from "@quorate/wire";
import { AlarmMemberSchema } from "@quorate/wire/etcdserverpb";

/** `etcdserverpb.AlarmType`. */
export const AlarmType = { NONE: 0, NOSPACE: 1, CORRUPT: 2 } as const;

export interface Alarm {
  readonly memberId: bigint;
  readonly type: number;
}

/** The active alarms: state that entries change, kept in table `alarm` (key: encoded AlarmMember, value: empty). */
export class AlarmStore {
  readonly #backend: Backend;
  /** In the order in which they were activated. A client may raise them for any number of members, also of none. */
  readonly #alarms = new Map<string, Alarm>();
  readonly #countOf = new Map<number, number>();
  /** Any member's NOSPACE alarm is active: writes that need space are refused at apply. */
  noSpace = false;
  /** Any member's CORRUPT alarm is active: every applied operation is refused. */
  corrupt = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  restore(): void {
    this.#alarms.clear();
    this.#countOf.clear();
    for (const [key] of this.#backend.entries("alarm")) this.#add(decodeAlarm(key));
    this.#refresh();
  }

  /** Alarms of `type`, or all of them for NONE. */
  list(type: number): readonly Alarm[] {
    const alarms = [...this.#alarms.values()];
    return type === AlarmType.NONE ? alarms : alarms.filter((alarm) => alarm.type === type);
  }

  /** Idempotent. Returns the alarm, or nothing for type NONE. */
  activate(memberId: bigint, type: number): readonly Alarm[] {
    if (type === AlarmType.NONE) return [];
    const alarm = { memberId, type };
    if (!this.#alarms.has(nameOf(alarm))) {
      this.#add(alarm);
      this.#backend.put("alarm", encodeAlarm(alarm), new Uint8Array(0));
      this.#refresh();
    }
    return [alarm];
  }

  /** Returns the alarm that was switched off, or nothing when there was none. */
  deactivate(memberId: bigint, type: number): readonly Alarm[] {
    const alarm = this.#alarms.get(nameOf({ memberId, type }));
    if (alarm === undefined) return [];
    this.#alarms.delete(nameOf(alarm));
    this.#count(type, -1);
    this.#backend.delete("alarm", encodeAlarm(alarm));
    this.#refresh();
    return [alarm];
  }

  #add(alarm: Alarm): void {
    this.#alarms.set(nameOf(alarm), alarm);
    this.#count(alarm.type, 1);
  }

  #count(type: number, change: number): void {
    this.#countOf.set(type, (this.#countOf.get(type) ?? 0) + change);
  }

  #refresh(): void {
    this.noSpace = (this.#countOf.get(AlarmType.NOSPACE) ?? 0) > 0;
    this.corrupt = (this.#countOf.get(AlarmType.CORRUPT) ?? 0) > 0;
  }
}

function nameOf({ memberId, type }: Alarm): string {
  return `${type} ${memberId}`;
}

function encodeAlarm(alarm: Alarm): Uint8Array {
  return encode(AlarmMemberSchema, { memberID: alarm.memberId, alarm: alarm.type });
}

function decodeAlarm(key: Uint8Array): Alarm {
  const message = decode(AlarmMemberSchema, key);
  return { memberId: message.memberID, type: message.alarm };
}
