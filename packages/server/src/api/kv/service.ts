import { decodeRangeRequest } from "@quorate/wire/hot";
import type { ApiContext } from "../context.ts";
import type { Services } from "../services.ts";
import { handleCompact } from "./compact.ts";
import { handleDeleteRange } from "./delete-range.ts";
import { handlePut } from "./put.ts";
import { handleRange } from "./range.ts";
import { handleRangeStream } from "./range-stream.ts";
import { handleTxn } from "./txn.ts";

/** `etcdserverpb.KV`. */
export function addKvService(services: Services, context: ApiContext): void {
  services.addUnary("/etcdserverpb.KV/Put", (message, call) => handlePut(context, message, call));
  services.addUnary("/etcdserverpb.KV/Range", (message, call) => handleRange(context, message, call));
  services.addUnary("/etcdserverpb.KV/Txn", (message, call) => handleTxn(context, message, call));
  services.addUnary("/etcdserverpb.KV/DeleteRange", (message, call) =>
    handleDeleteRange(context, message, call),
  );
  services.addAsync("/etcdserverpb.KV/Compact", (message) => handleCompact(context, message));
  services.addServerStream("/etcdserverpb.KV/RangeStream", decodeRangeRequest, (request, call) =>
    handleRangeStream(context, request, call),
  );
}
