import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { TurnBudget } from "@quorate/rpc/server";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import type { Credentials } from "./certificates.ts";
import { Handshake } from "./handshake.ts";
import { HandshakeTurns } from "./handshake-turns.ts";

/** A whole record of a handshake, of which nothing is looked at before it begins. */
const RECORD = Buffer.from([0x16, 3, 1, 0, 1, 1]);

test("a handshake that cannot begin fails by itself, also when it had to wait for its turn", async (t) => {
  const later: (() => void)[] = [];
  const turns = new HandshakeTurns(new TurnBudget(1, (callback) => void later.push(callback)));
  turns.spend(1);
  let isPrepared = false;
  const failures: string[] = [];
  const server = net.createServer((socket) => {
    t.after(() => socket.destroy());
    new Handshake(socket, {
      credentials: async () => {
        isPrepared = true;
        return {} as Credentials;
      },
      tls: {
        get requestCert(): boolean {
          throw new Error("a defect");
        },
      },
      turns,
      onSecure: () => failures.push("secure"),
      onFailure: (_socket, error) => failures.push(error),
    });
  });
  const port = await listenOnFreePort(server);
  t.after(() => server.close());
  const client = net.connect(port, "127.0.0.1", () => client.write(RECORD));
  t.after(() => client.destroy());
  client.on("error", () => {});
  await until(() => isPrepared);
  await new Promise(setImmediate);
  assert.deepEqual(failures, []);
  later.shift()!();
  assert.deepEqual(failures, ["a defect"]);
});
