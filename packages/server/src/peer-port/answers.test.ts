import assert from "node:assert/strict";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { answer } from "./answers.ts";

const BODY = Buffer.alloc(20_000_000, "0123456789");

/** A server that answers everything with `BODY`, and what it has written of it, turn by turn. */
async function serve(t: TestContext) {
  const byTurn: number[] = [];
  let turn: { bytes: number } | undefined;
  const count = (bytes: Uint8Array) => {
    if (turn === undefined) {
      const begun = { bytes: 0 };
      turn = begun;
      setImmediate(() => {
        byTurn.push(begun.bytes);
        if (turn === begun) turn = undefined;
      });
    }
    turn.bytes += bytes.length;
  };
  const server = http.createServer((_request, response) => {
    const { write, end } = response;
    response.write = ((bytes: Uint8Array) => {
      count(bytes);
      return write.call(response, bytes, "utf8");
    }) as typeof write;
    response.end = ((bytes: Uint8Array) => {
      count(bytes);
      response.write = write;
      return end.call(response, bytes, "utf8");
    }) as typeof end;
    answer(response, 200, {}, BODY);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return { port: (server.address() as AddressInfo).port, byTurn };
}

test("a large answer is written over many turns, and arrives whole", { timeout: 60_000 }, async (t) => {
  const { port, byTurn } = await serve(t);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.headers.get("content-length"), String(BODY.length));
  assert.ok(BODY.equals(Buffer.from(await response.arrayBuffer())));
  // The last turn may not have ended yet.
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(
    byTurn.reduce((sum, bytes) => sum + bytes, 0),
    BODY.length,
  );
  assert.ok(Math.max(...byTurn) <= 2 * 2 ** 18, `${Math.max(...byTurn)} bytes in a turn`);
});

test("a large answer that nobody reads is not written on, and given up when they go", {
  timeout: 60_000,
}, async (t) => {
  const { port, byTurn } = await serve(t);
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  let written = -1;
  const total = () => byTurn.reduce((sum, bytes) => sum + bytes, 0);
  // Until the buffers of the kernel are full.
  while (written !== total() || written === 0) {
    written = total();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(written < BODY.length, `${written} bytes`);
  socket.destroy();
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.ok(BODY.equals(Buffer.from(await response.arrayBuffer())));
  assert.ok(total() - BODY.length <= written + 2 ** 18);
});
