import { decodeRangeRequest } from "@quorate/wire/hot";
import { DELETE_RANGE } from "../../operations/delete-range.ts";
import { PUT } from "../../operations/put.ts";
import { callerOf } from "../callers.ts";
import type { KvContext } from "../context.ts";
import { LoggedMethod } from "../logged-method.ts";
import { LongEntries } from "../long-entries.ts";
import type { Services } from "../services.ts";
import { handleCompact } from "./compact.ts";
import { handleRange } from "./range.ts";
import { handleRangeStream } from "./range-stream.ts";
import { TxnMethod } from "./txn.ts";

/** `etcdserverpb.KV`. */
export function addKvService(services: Services, context: KvContext): void {
  const put = new LoggedMethod(PUT, context);
  const longEntries = new LongEntries(context.store);
  const deleteRange = new LoggedMethod(DELETE_RANGE, context, longEntries);
  const txn = new TxnMethod(context, longEntries);
  services.addUnary("/etcdserverpb.KV/Put", (message, call) => put.serve(message, call));
  services.addUnary("/etcdserverpb.KV/Range", (message, call) => handleRange(context, message, call));
  services.addUnary("/etcdserverpb.KV/Txn", (message, call) => txn.serve(message, call));
  services.addUnary("/etcdserverpb.KV/DeleteRange", (message, call) => deleteRange.serve(message, call));
  services.addAsync("/etcdserverpb.KV/Compact", (message, call) =>
    handleCompact(context, message, callerOf(call)),
  );
  services.addServerStream("/etcdserverpb.KV/RangeStream", decodeRangeRequest, (request, call) =>
    handleRangeStream(context, request, call),
  );
}
