import type { ServerCall } from "@quorate/rpc/server";
import { Code, GrpcError } from "@quorate/rpc/status";
import { WireError } from "@quorate/wire/hot";
import { onwardCall, signalOf } from "../members/caller.ts";
import type { Members, OnwardCall } from "../members/members.ts";

/** Answers one call: gets its message, which it may keep. Rejects with a GrpcError or a WireError. */
export type Answer = (message: Uint8Array, onward: OnwardCall, call: ServerCall) => Promise<Uint8Array>;

/** A handler of a unary method that answers later. */
export function answering(answer: Answer): (message: Uint8Array, call: ServerCall) => void {
  return (message, call) => {
    const onward = onwardCall(call, signalOf(call));
    answer(message.slice(), onward, call).then(
      (response) => call.reply(response),
      (error) => failCall(call, error),
    );
  };
}

/** The message goes to a member as it is, and its answer to the client. */
export function forwarding(members: Members, path: string, safe: boolean): Answer {
  return (message, onward) => members.unary(path, message, onward, safe);
}

/** Ends a call for what an attempt to answer it has thrown. */
export function failCall(call: ServerCall, error: unknown): void {
  if (error instanceof GrpcError) call.fail(error.code, error.details);
  else if (error instanceof WireError)
    call.fail(Code.INTERNAL, `grpc: error unmarshalling request: ${error.message}`);
  else call.failWith(error);
}
