import type { ServerCall } from "@quorate/rpc/server";
import { Code } from "@quorate/rpc/status";
import { onwardCall, signalOf } from "../members/caller.ts";
import type { Members } from "../members/members.ts";
import { failCall } from "./unary.ts";

/** A handler of a method with one request and many answers: what a member sends goes on as fast as the client takes it. */
export function forwardingStream(members: Members, path: string): (call: ServerCall) => void {
  return (call) => {
    const onward = onwardCall(call, signalOf(call));
    call.onMessage = (message) => {
      call.pauseReading();
      forward(members, path, message.slice(), call, onward).catch((error) => failCall(call, error));
    };
    call.onHalfClose = () => {
      if (call.receivedMessages === 0)
        call.fail(Code.INTERNAL, "cardinality violation: received no request message");
    };
  };
}

async function forward(
  members: Members,
  path: string,
  request: Uint8Array,
  call: ServerCall,
  onward: ReturnType<typeof onwardCall>,
): Promise<void> {
  const { stream } = await members.open(path, onward);
  stream.onMessage = (message) => {
    if (!call.send(message.slice())) stream.pauseReading();
  };
  call.onDrain = () => stream.resumeReading();
  stream.onEnd = ({ code, details }) => {
    if (code === Code.OK) call.end();
    else call.fail(code, details);
  };
  stream.send(request);
  stream.halfClose();
}
