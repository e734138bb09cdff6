import assert from "node:assert/strict";
import { test } from "node:test";
import { InternalField } from "@quorate/wire/hot";
import { RequestError } from "../errors.ts";
import { LastExecuted, OperationTimes } from "./operation-times.ts";

test("each operation of the log has times of its own, under etcd's name", () => {
  const times = new OperationTimes();
  for (const field of [InternalField.put, InternalField.put, InternalField.leaseGrant, InternalField.put]) {
    times.kindOf(field)!.applied.observe(1, true);
  }
  assert.equal(times.kindOf(4_000), undefined);
  const counted = [...times.kinds.values()]
    .filter(({ applied }) => applied.succeeded.count > 0)
    .map(({ name, applied }) => [name, applied.succeeded.count]);
  assert.deepEqual(counted, [
    ["Put", 3],
    ["LeaseGrant", 1],
  ]);
});

test("an operation has failed when it is refused, at once or later, unless because history is compacted", async () => {
  const executed = new LastExecuted();
  const outcomes: boolean[] = [];
  for (const refusal of [undefined, new RequestError("NO_SPACE"), new RequestError("COMPACTED")]) {
    executed.begin(InternalField.put);
    if (refusal !== undefined) executed.failed(refusal);
    outcomes.push(executed.hasSucceeded);
    executed.begin(InternalField.put);
    await executed
      .follow(refusal === undefined ? Promise.resolve() : Promise.reject(refusal))
      .catch(() => {});
    outcomes.push(executed.hasSucceeded);
  }
  assert.deepEqual(outcomes, [true, true, false, false, true, true]);
});
