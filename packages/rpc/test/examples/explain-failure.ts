import { Code, codeName, GrpcError } from "@quorate/rpc/status";

/** What to tell the user of a command whose call has failed. */
export function explainFailure(error: unknown): string {
  if (!(error instanceof GrpcError)) return String(error);
  if (error.code === Code.UNAVAILABLE) return "the server cannot be reached; try again later";
  return `${codeName(error.code)}: ${error.details}`;
}
