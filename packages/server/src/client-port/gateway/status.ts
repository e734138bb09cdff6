import { Code } from "@quorate/rpc/status";

const HTTP_STATUS: Readonly<Record<number, number>> = {
  [Code.OK]: 200,
  [Code.CANCELLED]: 499,
  [Code.UNKNOWN]: 500,
  [Code.INVALID_ARGUMENT]: 400,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.NOT_FOUND]: 404,
  [Code.ALREADY_EXISTS]: 409,
  [Code.PERMISSION_DENIED]: 403,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.FAILED_PRECONDITION]: 400,
  [Code.ABORTED]: 409,
  [Code.OUT_OF_RANGE]: 400,
  [Code.UNIMPLEMENTED]: 501,
  [Code.INTERNAL]: 500,
  [Code.UNAVAILABLE]: 503,
  [Code.DATA_LOSS]: 500,
  [Code.UNAUTHENTICATED]: 401,
};

export function httpStatusOf(code: number): number {
  return HTTP_STATUS[code] ?? 500;
}

/** `google.rpc.Status` without details, as JSON. */
export function statusJson(code: number, message: string): string {
  const codeField = code === 0 ? "" : `"code":${code}`;
  const messageField = message === "" ? "" : `"message":${JSON.stringify(message)}`;
  return `{${codeField}${codeField !== "" && messageField !== "" ? "," : ""}${messageField}}`;
}

/** When a request that was refused may be made again, in whole seconds. */
export function retryHeader(retryAfterMs: number | undefined): readonly (readonly [string, string])[] {
  return retryAfterMs === undefined ? [] : [["Retry-After", String(Math.ceil(retryAfterMs / 1_000))]];
}
