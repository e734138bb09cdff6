import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { freePort, listenOnFreePort } from "@quorate/testkit/ports";
import { whyNoAnswer } from "./why-no-answer.ts";

test("each endpoint is told with what it does, and what to try comes last", async (t) => {
  const silent = net.createServer();
  const port = await listenOnFreePort(silent);
  t.after(() => silent.close());
  const folder = mkdtempSync(path.join(tmpdir(), "quorate-why-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const refused = `127.0.0.1:${await freePort()}`;
  const socket = `unix://${path.join(folder, "none.sock")}`;
  const lines = await whyNoAnswer([`http://127.0.0.1:${port}`, refused, socket, "nonsense"]);
  assert.deepEqual(lines, [
    `  http://127.0.0.1:${port} takes connections, but did not answer in time: 'endpoint status' says whether it has a leader`,
    `  ${refused} refuses connections: nobody listens there`,
    `  ${socket} is no socket: nobody listens there`,
    "  nonsense is not an address",
    "--endpoints, or ETCDCTL_ENDPOINTS in the environment, says where members listen.",
  ]);
});
