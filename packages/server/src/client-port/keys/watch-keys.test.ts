import assert from "node:assert/strict";
import test from "node:test";
import { readEvents, startKeys } from "./keys.testing.ts";

const b64 = (text: string) => Buffer.from(text).toString("base64");

test("changes of a key are told as they happen, and of no other", async (t) => {
  const keys = await startKeys(t);
  const stream = readEvents(t, keys, "/kv/a?watch&prev");
  await stream.started();
  await keys.ask("PUT", "/kv/a", { body: "1" });
  await keys.ask("PUT", "/kv/ab", { body: "another" });
  await keys.ask("PUT", "/kv/a", { body: "2" });
  await keys.ask("DELETE", "/kv/a");
  await stream.has(3);
  const first = { key: "a", value: "1", create_revision: 2, mod_revision: 2, version: 1 };
  const second = { key: "a", value: "2", create_revision: 2, mod_revision: 4, version: 2 };
  assert.deepEqual(
    stream.events.map(({ data = "", ...rest }) => ({ ...rest, data: JSON.parse(data) })),
    [
      { id: "2", event: "put", data: first },
      { id: "4", event: "put", data: { ...second, prev: first } },
      { id: "5", event: "delete", data: { key: "a", mod_revision: 5, prev: second } },
    ],
  );
});

test("a watch of a prefix begins at a revision", async (t) => {
  const keys = await startKeys(t);
  for (const key of ["p/1", "q", "p/2", "p/%ff"]) await keys.ask("PUT", `/kv/${key}`, { body: key });
  const stream = readEvents(t, keys, "/kv/p/?watch&prefix&revision=3");
  await stream.has(2);
  assert.deepEqual(
    stream.events.map(({ id, data }) => [id, JSON.parse(data!).key ?? JSON.parse(data!).key_base64]),
    [
      ["4", "p/2"],
      ["5", "cC//"],
    ],
  );
});

test("whoever comes back gets what it has missed, none missed and none twice, also between two of one revision", async (t) => {
  const keys = await startKeys(t);
  await keys.ask("PUT", "/kv/p/0", { body: "x" });
  const puts = ["1", "2", "3"].map((i) => ({ request_put: { key: b64(`p/${i}`), value: b64("x") } }));
  await keys.call("kv/txn", { success: puts });
  await keys.ask("PUT", "/kv/p/4", { body: "x" });
  const all = readEvents(t, keys, "/kv/p/?watch&prefix&revision=1");
  await all.has(5);
  const told = all.events.map(({ id, data }) => [id, JSON.parse(data!).key]);
  assert.deepEqual(told, [
    ["2", "p/0"],
    ["3-1", "p/1"],
    ["3-2", "p/2"],
    ["3", "p/3"],
    ["4", "p/4"],
  ]);
  for (let i = 0; i < told.length; i++) {
    const rest = readEvents(t, keys, "/kv/p/?watch&prefix", { "Last-Event-ID": told[i]![0]! });
    await keys.ask("PUT", "/kv/p/end", { body: `${i}` });
    await rest.has(told.length - i);
    assert.deepEqual(
      rest.events.map(({ id, data }) => [id, JSON.parse(data!).key]).filter(([, key]) => key !== "p/end"),
      told.slice(i + 1),
      told[i]![0],
    );
    rest.close();
  }
});

test("what has been compacted is told as such, and whoever comes back goes on behind it", async (t) => {
  const keys = await startKeys(t);
  for (const body of ["1", "2", "3", "4"]) await keys.ask("PUT", "/kv/a", { body });
  await keys.call("kv/compaction", { revision: "4" });
  const stream = readEvents(t, keys, "/kv/a?watch", { "Last-Event-ID": "2" });
  await stream.ended();
  assert.equal(stream.state.status, 200);
  assert.deepEqual(stream.events, [{ id: "4", event: "compacted", data: '{"compact_revision":4}' }]);
  const again = readEvents(t, keys, "/kv/a?watch", { "Last-Event-ID": stream.events[0]!.id! });
  await again.has(1);
  assert.deepEqual([again.events[0]!.id, JSON.parse(again.events[0]!.data!).value], ["5", "4"]);
});

test("an id that is no event's is refused", async (t) => {
  const { ask } = await startKeys(t);
  for (const id of ["x", "-1", "2-", "2-0", "1".repeat(16)])
    assert.equal((await ask("GET", "/kv/a?watch", { headers: { "Last-Event-ID": id } })).status, 400, id);
});

test("the place of a client that nothing happens to moves on with the store", async (t) => {
  const keys = await startKeys(t, "--watch-progress-notify-interval=100ms");
  const stream = readEvents(t, keys, "/kv/quiet?watch");
  await stream.started();
  await keys.ask("PUT", "/kv/a", { body: "x" });
  await keys.ask("PUT", "/kv/a", { body: "x" });
  while (stream.events.at(-1)?.id !== "3") await stream.has(stream.events.length + 1);
  assert.deepEqual(stream.events.at(-1), { id: "3" });
});

test("a client that does not read is not written for without an end, and misses nothing", async (t) => {
  const keys = await startKeys(t);
  const request = keys.open("GET", "/kv/w/?watch&prefix&revision=1");
  t.after(() => request.destroy());
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request.on("response", resolve).on("error", reject).end();
  });
  response.on("error", () => {});
  const value = "v".repeat(100_000);
  for (let i = 0; i < 100; i++) await keys.ask("PUT", `/kv/w/${i}`, { body: value });
  const ids: number[] = [];
  let rest = "";
  for await (const chunk of response) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    ids.push(...lines.filter((line) => line.startsWith("id: ")).map((line) => Number(line.slice(4))));
    if (ids.at(-1) === 101) break;
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 100 }, (_, i) => i + 2),
  );
});

test("streams end with the member", async (t) => {
  const keys = await startKeys(t);
  const stream = readEvents(t, keys, "/kv/a?watch");
  await stream.started();
  await keys.member[Symbol.asyncDispose]();
  await stream.ended();
  assert.equal(stream.events.at(-1)?.event, "error");
  assert.equal(JSON.parse(stream.events.at(-1)!.data!).error, "Unavailable");
});
