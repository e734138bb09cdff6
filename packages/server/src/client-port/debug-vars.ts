import { methodNotAllowed, type PlainRequest, type PlainResponse } from "../http/plain-text.ts";

import { readProc } from "./proc-files.ts";

/**
 * `/debug/vars`: what programs in Go tell of themselves there, under the same names, as far as one of this runtime has it.
 * `raftStatus` is JSON.
 */
export function answerDebugVars(raftStatus: string, req: PlainRequest, res: PlainResponse): void {
  if (req.method !== "GET") {
    methodNotAllowed(res);
    return;
  }
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  const memory = { Alloc: heapUsed, Sys: rss, HeapAlloc: heapUsed, HeapSys: heapTotal };
  const limit = readProc().openFilesLimit ?? 0;
  res.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  res.end(
    `{\n"cmdline": ${JSON.stringify(process.argv)},\n"file_descriptor_limit": ${limit},\n"memstats": ${JSON.stringify(memory)},\n"raft.status": ${raftStatus}\n}\n`,
  );
}
