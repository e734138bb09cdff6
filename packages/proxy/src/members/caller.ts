import type { ServerCall } from "@quorate/rpc/server";
import type { OnwardCall } from "./members.ts";

/** What a member is to know of the client whose call it is: who it is, what it wants, and which trace it belongs to. */
const HANDED_ON = [
  "token",
  "authorization",
  "hasleader",
  "client-api-version",
  "traceparent",
  "tracestate",
  "baggage",
];

/** Who asks, and how. Calls share what they do only with those of the same identity: members judge each by it. */
export interface Identity {
  /** The same text for the same identity. */
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** It comes with a token, so what it may read is nobody else's business. */
  readonly isNamed: boolean;
}

/** Of what is shared by several calls. */
const SHARED = ["token", "authorization", "hasleader"];

export function identityOf(call: ServerCall): Identity {
  const metadata = pick(call, SHARED);
  const isNamed = metadata.token !== undefined || metadata.authorization !== undefined;
  return { key: JSON.stringify(metadata), metadata, isNamed };
}

/** The client's call as one to a member, which ends when the client's does. */
export function onwardCall(call: ServerCall, signal: AbortSignal): OnwardCall {
  return { metadata: pick(call, HANDED_ON), deadlineMs: call.deadlineMs, signal };
}

/** Aborted when the call ends before its handler has ended it. */
export function signalOf(call: ServerCall): AbortSignal {
  const controller = new AbortController();
  call.onCancel = () => controller.abort();
  return controller.signal;
}

function pick(call: ServerCall, names: readonly string[]): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const name of names) {
    const value = call.metadata(name);
    if (value !== undefined && /^[ -~]*$/.test(value)) metadata[name] = value;
  }
  return metadata;
}
