import {
  type Compare,
  DeleteRangeResponse,
  type Init,
  PutResponse,
  RangeResponse,
  type RequestOp,
  type ResponseOp,
  TxnResponse,
} from "@quorate/wire/messages";
import type { CommandSpec, Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import { childNamed } from "../../command-line/find-command.ts";
import { FlagValues } from "../../command-line/flag-values.ts";
import { usageText } from "../../command-line/help.ts";
import type { Output } from "../../command-line/output.ts";
import { parseFlags, UsageError } from "../../command-line/parse-flags.ts";
import type { StandardInput } from "../../command-line/stdin.ts";
import { type Printable, print } from "../output/display.ts";
import { messageJson, messageMembers } from "../output/json.ts";
import { connect } from "../session/connect.ts";
import { deleteRequest, deleteResult } from "./del.ts";
import { rangeRequest, rangeResult } from "./get.ts";
import { putRequest, putResult } from "./put.ts";
import { parseCompare } from "./txn-grammar.ts";
import { splitWords } from "./words.ts";

export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, input, output, path } = invocation;
  if (args.length !== 0) throw badArguments("txn command does not accept argument");
  const { client, display } = await connect(invocation);
  const prompt = (text: string) => {
    if (flags.on("interactive")) output.line(text);
  };
  const operation = (line: string) => parseOperation(line, path[0], input, output);
  prompt("compares:");
  const compare = await section<Init<Compare>>(input, parseCompare);
  prompt("success requests (get, put, del):");
  const success = await section(input, operation);
  prompt("failure requests (get, put, del):");
  const failure = await section(input, operation);
  const response = await client.kv
    .txn({ compare, success, failure }, { timeoutMs: Number.POSITIVE_INFINITY })
    .catch((error: unknown) => {
      throw exitWith(ExitCode.ERROR, error);
    });
  await print(display, txnResult(response));
}

/** Lines up to an empty one. Throws Exit when there is none. */
async function section<T>(input: StandardInput, parse: (line: string) => T | Promise<T>): Promise<T[]> {
  const parsed: T[] = [];
  for (;;) {
    const line = (await input.line())?.trim();
    if (line === undefined) throw new Exit(ExitCode.INVALID_INPUT, "EOF");
    if (line === "") return parsed;
    parsed.push(await parse(line));
  }
}

/** A line as it would be given to etcdctl itself, of `get`, `put` and `del`. Throws Exit. */
async function parseOperation(
  line: string,
  root: CommandSpec,
  input: StandardInput,
  output: Output,
): Promise<Init<RequestOp>> {
  const words = splitWords(line);
  if (words.length < 2) throw new Exit(ExitCode.INVALID_INPUT, `invalid txn compare request: ${line}`);
  const commands = root.commands!.filter(({ name }) => ["get", "put", "del"].includes(name));
  const spec = childNamed({ ...root, commands }, words[0]!);
  if (spec === undefined) throw new Exit(ExitCode.INVALID_INPUT, `invalid txn request: ${line}`);
  const flags = new FlagValues(spec.flags ?? []);
  let args: readonly string[];
  try {
    args = parseFlags(words.slice(1), flags);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    output.errorLine(usageText([spec]));
    throw new Exit(ExitCode.INVALID_INPUT, `invalid txn request: ${line}`);
  }
  if (spec.name === "get") return { requestRange: rangeRequest(args, flags) };
  if (spec.name === "put") return { requestPut: await putRequest(args, flags, () => input.rest()) };
  return { requestDeleteRange: await deleteRequest(args, flags, output) };
}

function txnResult(response: TxnResponse): Printable {
  const { header, succeeded, responses } = response;
  return {
    message: { table: TxnResponse, value: response },
    json: () => txnJson(response),
    simple(simple) {
      simple.line(succeeded ? "SUCCESS" : "FAILURE");
      for (const each of responses) {
        simple.line();
        resultOf(each)?.simple(simple);
      }
    },
    fields(fields) {
      fields.header(header);
      fields.plain("Succeeded", succeeded);
      for (const each of responses) resultOf(each)?.fields(fields);
    },
  };
}

function resultOf({ responseRange, responsePut, responseDeleteRange }: ResponseOp) {
  if (responseRange !== undefined) return rangeResult(responseRange);
  if (responsePut !== undefined) return putResult(responsePut);
  return responseDeleteRange === undefined ? undefined : deleteResult(responseDeleteRange);
}

function txnJson(response: TxnResponse): string {
  const members = messageMembers(TxnResponse, { ...response, responses: [] });
  if (response.responses.length > 0) {
    const wrapped = response.responses.map((each) => `{"Response":{${operationJson(each)}}}`);
    members.push(`"responses":[${wrapped.join(",")}]`);
  }
  return `{${members.join(",")}}`;
}

function operationJson({ responseRange, responsePut, responseDeleteRange, responseTxn }: ResponseOp): string {
  if (responseRange !== undefined) return `"response_range":${messageJson(RangeResponse, responseRange)}`;
  if (responsePut !== undefined) return `"response_put":${messageJson(PutResponse, responsePut)}`;
  if (responseDeleteRange !== undefined)
    return `"response_delete_range":${messageJson(DeleteRangeResponse, responseDeleteRange)}`;
  return responseTxn === undefined ? "" : `"response_txn":${txnJson(responseTxn)}`;
}
