import { type Compare, CompareResult, CompareTarget, type Init } from "@quorate/wire/messages";
import { RequestError } from "../../errors.ts";
import { type GatewayRequest, headerValues } from "../gateway/exchange.ts";

const { EQUAL, GREATER, NOT_EQUAL } = CompareResult;

/** What `If-Match` and `If-None-Match` of a change ask of a key, as a transaction compares it; none: anything goes. */
export function comparisonsOf(request: GatewayRequest, key: Uint8Array): Init<Compare>[] {
  const comparisons: Init<Compare>[] = [];
  const add = (result: number, modRevision: number) => {
    comparisons.push({ result, target: CompareTarget.MOD, key, modRevision });
  };
  const match = revisionOf(request, "if-match");
  if (match === "*") add(GREATER, 0);
  else if (match !== undefined) add(EQUAL, match);
  const none = revisionOf(request, "if-none-match");
  if (none === "*") add(EQUAL, 0);
  else if (none !== undefined) add(NOT_EQUAL, none);
  return comparisons;
}

/** One revision in double quotes, or anything at all. Throws RequestError. */
function revisionOf(request: GatewayRequest, name: string): number | "*" | undefined {
  const values = headerValues(request.rawHeaders, name);
  if (values.length === 0) return undefined;
  const text = values.join(",").trim();
  if (text === "*") return text;
  const digits = /^"([1-9][0-9]{0,15})"$/.exec(text)?.[1];
  const revision = Number(digits);
  if (!Number.isSafeInteger(revision)) throw new RequestError("BAD_CONDITION", name);
  return revision;
}

/** Whether `If-None-Match` of a GET says that the client has this revision already. */
export function isKnown(request: GatewayRequest, revision: number): boolean {
  return headerValues(request.rawHeaders, "if-none-match")
    .flatMap((value) => value.split(","))
    .some((each) => ["*", etagOf(revision), `W/${etagOf(revision)}`].includes(each.trim()));
}

export function etagOf(revision: number): string {
  return `"${revision}"`;
}
