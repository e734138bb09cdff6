import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { decode, encode } from "@quorate/wire";
import type { Needs } from "../access.ts";
import { type ClientOperation, clientOperation } from "../operation.ts";
import type { ReplicatedState } from "../state.ts";

/** What is answered besides the header, and the store's revision in it. */
interface AuthOutcome<Response extends DescMessage> {
  readonly revision: number;
  readonly told: MessageInitShape<Response>;
}

interface SaidOfAuthOperation<Request extends DescMessage, Response extends DescMessage> {
  readonly field: number;
  readonly request: Request;
  readonly response: Response;
  check?(request: MessageShape<Request>): void;
  needsWhenApplied(request: MessageShape<Request>, needs: Needs): void;
  /** What is returned is what is told besides the header. */
  apply(state: ReplicatedState, request: MessageShape<Request>): MessageInitShape<Response>;
}

/** What is asked of users and roles, or changed of them. It leaves the keys alone, whatever is wrong with those. */
export type AuthOperation<Request extends DescMessage, Response extends DescMessage> = ClientOperation<
  MessageShape<Request>,
  AuthOutcome<Response>
>;

export function authOperation<Request extends DescMessage, Response extends DescMessage>({
  field,
  request: requestSchema,
  response: responseSchema,
  check = () => {},
  needsWhenApplied,
  apply,
}: SaidOfAuthOperation<Request, Response>): AuthOperation<Request, Response> {
  return clientOperation<MessageShape<Request>, AuthOutcome<Response>>({
    field,
    decode: (bytes, start, end) => decode(requestSchema, bytes.subarray(start, end)),
    check,
    needsWhenApplied,
    runsWhenCorrupt: true,
    apply: (state, request) => ({ told: apply(state, request), revision: state.store.currentRevision }),
    answer(headers, { revision, told }, call) {
      const response = { ...told, header: headers.fields(revision) } as MessageInitShape<Response>;
      call.reply(encode(responseSchema, response));
    },
  });
}

export function ofAdministrators(_request: unknown, needs: Needs): void {
  needs.administrator();
}
