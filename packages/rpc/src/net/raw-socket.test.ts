import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { RawSocket } from "./raw-socket.ts";

test("a socket that broke before it was taken over says once that it is closed", async () => {
  const server = net.createServer();
  await listenOnFreePort(server);
  const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve));
  const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  const socket = await accepted;
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.destroy();
  await closed;
  let closes = 0;
  new RawSocket(socket, { onRead: () => {}, onWritten: () => {}, onClose: () => void closes++ });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(closes, 1);
  client.destroy();
  server.close();
});
