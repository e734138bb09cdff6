import { Code } from "@quorate/rpc/status";
import { decodeMessage, type MessageTable } from "@quorate/wire/messages";
import { ClientError } from "./errors.ts";

/** An answer that no honest server gives. To ask again brings nothing better: no call and no watch does so by itself. */
export class MalformedAnswer extends ClientError {
  constructor(problem: string, options?: ErrorOptions) {
    super(Code.INTERNAL, `the server's answer makes no sense: ${problem}`, options);
  }
}

/** The message that `bytes` are; its byte fields are views on them. Throws {@link MalformedAnswer} when they are none. */
export function decodeAnswer<Message>(table: MessageTable<Message>, bytes: Uint8Array): Message {
  try {
    return decodeMessage(table, bytes);
  } catch (error) {
    throw new MalformedAnswer((error as Error).message, { cause: error });
  }
}

/** What every honest server's answer has. Throws {@link MalformedAnswer} when this one has not. */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new MalformedAnswer(`it has no ${what}`);
  return value;
}
