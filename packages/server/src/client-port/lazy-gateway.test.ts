import assert from "node:assert/strict";
import test from "node:test";
import type { Gateway } from "./gateway/gateway.ts";
import { LazyGateway } from "./lazy-gateway.ts";

const GATEWAY = { name: "the gateway" } as unknown as Gateway;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Openings that end as a test says. */
function subject() {
  const openings: PromiseWithResolvers<Gateway>[] = [];
  const lazy = new LazyGateway(() => {
    const opening = Promise.withResolvers<Gateway>();
    openings.push(opening);
    return opening.promise;
  });
  const seen: string[] = [];
  const ask = (name: string, then: () => void | Promise<void> = () => {}) =>
    lazy.use(
      (gateway) => {
        assert.equal(gateway, GATEWAY);
        seen.push(name);
        return then();
      },
      (error) => seen.push(`${name}: ${(error as Error).message}`),
    );
  return { lazy, openings, seen, ask };
}

test("it is opened once, at the first request, and those that come meanwhile wait in order", async () => {
  const { lazy, openings, seen, ask } = subject();
  assert.equal(openings.length, 0);
  ask("a");
  ask("b");
  assert.deepEqual([openings.length, lazy.opened, seen], [1, undefined, []]);
  openings[0]!.resolve(GATEWAY);
  await settled();
  ask("c");
  assert.deepEqual([openings.length, lazy.opened, seen], [1, GATEWAY, ["a", "b", "c"]]);
});

test("an opening that fails fails those that waited for it, and the next request tries again", async () => {
  const { openings, seen, ask } = subject();
  ask("a");
  ask("b");
  openings[0]!.reject(new Error("no memory"));
  await settled();
  assert.deepEqual(seen, ["a: no memory", "b: no memory"]);
  ask("c");
  openings[1]!.resolve(GATEWAY);
  await settled();
  assert.deepEqual(seen.slice(2), ["c"]);
});

test("what fails with the gateway is heard of, whether it was open or not, and whether it fails now or later", async () => {
  const { openings, seen, ask } = subject();
  const now = () => {
    throw new Error("now");
  };
  const later = async () => {
    await settled();
    throw new Error("later");
  };
  ask("a", now);
  ask("b", later);
  openings[0]!.resolve(GATEWAY);
  await settled();
  ask("c", now);
  ask("d", later);
  await settled();
  await settled();
  assert.deepEqual(
    seen.filter((each) => each.includes(":")),
    ["a: now", "c: now", "b: later", "d: later"],
  );
});
