/**
 * Which random inputs two servers can be compared by, one call after another: those whose answers depend on what was asked
 * before, and on nothing that takes its own time on each.
 */
import { decode } from "@quorate/wire";
import {
  AlarmRequest_AlarmAction,
  AlarmRequestSchema,
  DowngradeRequest_DowngradeAction,
  DowngradeRequestSchema,
  MemberAddRequestSchema,
} from "@quorate/wire/etcdserverpb";
import type { GrpcCall } from "./grpc-calls.ts";
import { mayBeCompared } from "./methods.ts";

const PREFIX_BYTES = 5;
const PLAIN_FIELDS = 6;
const ONLY_READS = new Set(
  (
    "Range RangeStream Status Hash HashKV LeaseLeases LeaseTimeToLive MemberList Authenticate AuthStatus " +
    "Check List Watch LeaseKeepAlive"
  ).split(" "),
);

/** An alarm hides what comes behind it, and etcd ends with a nil dereference at an action that it does not know. */
const COMPARABLE_ALARM_ACTIONS: ReadonlySet<number> = new Set([
  AlarmRequest_AlarmAction.GET,
  AlarmRequest_AlarmAction.DEACTIVATE,
]);
const COMPARABLE_ALARM_TEXT =
  /^(?:(?!"action"|\\)[\s\S])*("action"\s*:\s*(?:"GET"|"DEACTIVATE"|0|2)\s*[,}](?:(?!"action"|\\)[\s\S])*)?$/;

/** Without what makes of one member two, ends it, or hides what others ask for behind an alarm or another version. */
export function isComparable({ method, body, fields, halfCloses }: GrpcCall): boolean {
  if (!mayBeCompared(method) || !halfCloses) return false;
  // What one of the two refuses for its form alone must not change the other.
  const isPlain =
    fields.length === PLAIN_FIELDS && fields.every(([name, value]) => isPlainField(name, value));
  const isWhole = body.length >= PREFIX_BYTES && body.length === PREFIX_BYTES + body.readUInt32BE(1);
  if (!(isPlain && isWhole) && !ONLY_READS.has(method.name)) return false;
  const message = body.subarray(PREFIX_BYTES);
  try {
    if (method.name === "MemberAdd") return decode(MemberAddRequestSchema, message).peerURLs.length === 0;
    if (method.name === "Alarm") {
      const { action } = decode(AlarmRequestSchema, message);
      return COMPARABLE_ALARM_ACTIONS.has(action);
    }
    if (method.name === "Downgrade") return !enables(decode(DowngradeRequestSchema, message));
  } catch {
    return true;
  }
  return true;
}

/** The cluster's version follows at the next look of the leader, and what is refused depends on it. */
function enables({ action, version }: { action: number; version: string }): boolean {
  return action === DowngradeRequest_DowngradeAction.ENABLE && /^v?3\.6/.test(version);
}

function isPlainField(name: string, value: string): boolean {
  if (name === ":method") return value === "POST";
  return name !== "content-type" || value === "application/grpc";
}

/** The same of a request in JSON, as far as its text tells. */
export function isComparableJson(name: string, body: string): boolean {
  if (name === "Alarm") return COMPARABLE_ALARM_TEXT.test(body);
  return name !== "Downgrade" || !/3\.6/.test(body);
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  H: 3.6e6,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
const AT_ONCE_MS = 1e-3;
const HURRY_MS = 3.6e6;

/**
 * With a deadline that is over at once or hours away, written just as it was: in between it is a matter of the machine's
 * speed whether a call meets it.
 */
export function withoutHurry(fields: GrpcCall["fields"]): GrpcCall["fields"] {
  return fields.map(([name, value]): readonly [string, string] => {
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value) ?? [];
    if (name !== "grpc-timeout" || digits === undefined) return [name, value];
    const ms = Number(digits) * MILLISECONDS[unit!]!;
    return [name, ms <= AT_ONCE_MS || ms >= HURRY_MS ? value : `${digits}H`];
  });
}
