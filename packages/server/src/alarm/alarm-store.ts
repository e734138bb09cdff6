import { decode, encode } from "@quorate/wire";
import { AlarmMemberSchema } from "@quorate/wire/etcdserverpb";
import type { Backend } from "../seams/backend.ts";

/** `etcdserverpb.AlarmType`. */
export const AlarmType = { NONE: 0, NOSPACE: 1, CORRUPT: 2 } as const;

export interface Alarm {
  readonly memberId: bigint;
  readonly type: number;
}

/** The active alarms: state that entries change, kept in table `alarm` (key: encoded AlarmMember, value: empty). */
export class AlarmStore {
  readonly #backend: Backend;
  #alarms: Alarm[] = [];
  /** Any member's NOSPACE alarm is active: writes that need space are refused at apply. */
  noSpace = false;
  /** Any member's CORRUPT alarm is active: every applied operation is refused. */
  corrupt = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  restore(): void {
    this.#alarms = this.#backend.entries("alarm").map(([key]) => decodeAlarm(key));
    this.#refresh();
  }

  /** Alarms of `type`, or all of them for NONE. */
  list(type: number): readonly Alarm[] {
    return type === AlarmType.NONE ? this.#alarms : this.#alarms.filter((alarm) => alarm.type === type);
  }

  /** Idempotent. Returns the alarm, or nothing for type NONE. */
  activate(memberId: bigint, type: number): readonly Alarm[] {
    if (type === AlarmType.NONE) return [];
    const alarm = { memberId, type };
    if (this.#find(memberId, type) === undefined) {
      this.#alarms = [...this.#alarms, alarm];
      this.#backend.put("alarm", encodeAlarm(alarm), new Uint8Array(0));
      this.#refresh();
    }
    return [alarm];
  }

  /** Returns the alarm that was switched off, or nothing when there was none. */
  deactivate(memberId: bigint, type: number): readonly Alarm[] {
    const alarm = this.#find(memberId, type);
    if (alarm === undefined) return [];
    this.#alarms = this.#alarms.filter((other) => other !== alarm);
    this.#backend.delete("alarm", encodeAlarm(alarm));
    this.#refresh();
    return [alarm];
  }

  #find(memberId: bigint, type: number): Alarm | undefined {
    return this.#alarms.find((alarm) => alarm.memberId === memberId && alarm.type === type);
  }

  #refresh(): void {
    this.noSpace = this.#alarms.some((alarm) => alarm.type === AlarmType.NOSPACE);
    this.corrupt = this.#alarms.some((alarm) => alarm.type === AlarmType.CORRUPT);
  }
}

function encodeAlarm(alarm: Alarm): Uint8Array {
  return encode(AlarmMemberSchema, { memberID: alarm.memberId, alarm: alarm.type });
}

function decodeAlarm(key: Uint8Array): Alarm {
  const message = decode(AlarmMemberSchema, key);
  return { memberId: message.memberID, type: message.alarm };
}
