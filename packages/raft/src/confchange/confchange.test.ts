import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { isRaftError } from "../errors.ts";
import { confChangesFromString, describeConfChange } from "../format/describe.ts";
import { NO_LIMIT } from "../size.ts";
import { ProgressTracker } from "../tracker/tracker.ts";
import { toConfState } from "../tracker/tracker-config.ts";
import { ConfChangeTransition, ConfChangeType, type ConfChangeV2, emptyConfState } from "../types.ts";
import { Changer } from "./changer.ts";
import {
  confChangeOf,
  decodeConfChange,
  decodeConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
} from "./codec.ts";
import { asV2, changeKind } from "./conf-change.ts";
import { confStatesEqual, restoreConfig } from "./restore.ts";

const { ConfChangeTransitionAuto, ConfChangeTransitionJointExplicit, ConfChangeTransitionJointImplicit } =
  ConfChangeTransition;
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("the encoding of conf changes", () => {
  test("of the first version is protobuf's", () => {
    const change = {
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: 1n,
      context: new TextEncoder().encode("{}"),
    };
    assert.equal(hex(encodeConfChange(change)), "1000180122027b7d");
    assert.deepEqual(decodeConfChange(bytes("1000180122027b7d")), change);
  });

  test("of the second version is protobuf's", () => {
    const change: ConfChangeV2 = {
      transition: ConfChangeTransitionAuto,
      changes: confChangesFromString("v2 v3"),
    };
    assert.equal(hex(encodeConfChangeV2(change)), "080012040800100212040800100" + "3");
    assert.deepEqual(decodeConfChangeV2(encodeConfChangeV2(change)), change);
  });

  test("comes back as it was, for any change", () => {
    const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const type = fc.constantFrom(...Object.values(ConfChangeType));
    const single = fc.record({ type, nodeId: id }, { noNullPrototype: true });
    const context = fc.uint8Array({ maxLength: 40 });
    const v1 = fc.record(
      { id, type, nodeId: id, context },
      { requiredKeys: ["type", "nodeId"], noNullPrototype: true },
    );
    const transition = fc.constantFrom(...Object.values(ConfChangeTransition));
    const v2 = fc.record(
      { transition, changes: fc.array(single, { maxLength: 5 }), context },
      { requiredKeys: ["changes"], noNullPrototype: true },
    );
    fc.assert(
      fc.property(v1, (change) => assert.deepEqual(decodeConfChange(encodeConfChange(change)), change)),
    );
    fc.assert(
      fc.property(v2, (change) => assert.deepEqual(decodeConfChangeV2(encodeConfChangeV2(change)), change)),
    );
  });

  test("skips fields of later versions", () => {
    assert.deepEqual(decodeConfChange(bytes("18025005590102030405060708620161" + "6d01020304")), {
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: 2n,
    });
  });

  for (const malformed of ["08", "2205aa", "0bff", "ffffffffffffffffffffff01", "00"]) {
    test(`refuses ${malformed}`, () => {
      assert.throws(
        () => decodeConfChange(bytes(malformed)),
        (error) => isRaftError(error, "MALFORMED"),
      );
    });
  }

  test("no bytes of the second version mean: leave", () => {
    const change = confChangeOf({ type: 2, term: 1, index: 1, data: new Uint8Array(0) });
    assert.equal(changeKind(asV2(change)), "leave-joint");
  });

  test("random bytes are refused or understood, never worse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (data) => {
        for (const decode of [decodeConfChange, decodeConfChangeV2]) {
          try {
            decode(data);
          } catch (error) {
            assert.ok(isRaftError(error, "MALFORMED"));
          }
        }
      }),
    );
  });
});

describe("how a change is made", () => {
  const cases = [
    { name: "nothing to do leaves", transition: undefined, ops: "", want: "leave-joint" },
    { name: "one change is simple", transition: ConfChangeTransitionAuto, ops: "v1", want: "simple" },
    { name: "two changes are joint", transition: undefined, ops: "v1 v2", want: "enter-joint-autoleave" },
    {
      name: "one change may be joint",
      transition: ConfChangeTransitionJointImplicit,
      ops: "v1",
      want: "enter-joint-autoleave",
    },
    {
      name: "or joint until told",
      transition: ConfChangeTransitionJointExplicit,
      ops: "v1",
      want: "enter-joint",
    },
    {
      name: "even with no change",
      transition: ConfChangeTransitionJointExplicit,
      ops: "",
      want: "enter-joint",
    },
  ];
  for (const { name, transition, ops, want } of cases) {
    test(name, () => {
      const changes = confChangesFromString(ops);
      assert.equal(changeKind(transition === undefined ? { changes } : { transition, changes }), want);
    });
  }

  test("is described as etcd does", () => {
    const change = {
      changes: confChangesFromString("v1 r2"),
      context: new TextEncoder().encode('a"\n\xff\u2028'),
    };
    assert.equal(
      describeConfChange(change),
      "transition:ConfChangeTransitionAuto changes:{type:ConfChangeAddNode node_id:1} " +
        'changes:{type:ConfChangeRemoveNode node_id:2} context:"a\\"\\nÿ\\u2028"',
    );
  });
});

describe("configurations", () => {
  const single = fc.record({
    type: fc.constantFrom(
      ConfChangeType.ConfChangeAddNode,
      ConfChangeType.ConfChangeAddLearnerNode,
      ConfChangeType.ConfChangeRemoveNode,
    ),
    nodeId: fc.bigInt({ min: 1n, max: 6n }),
  });
  const step = fc.record({
    how: fc.constantFrom("simple", "enter", "enter-auto", "leave"),
    changes: fc.array(single, { minLength: 1, maxLength: 4 }),
  });

  test("that can be reached can be restored", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const tracker = new ProgressTracker(10, NO_LIMIT);
        const first = new Changer(tracker, 1).simple([
          { type: ConfChangeType.ConfChangeAddNode, nodeId: 1n },
        ]);
        tracker.replace(first.config, first.progress);
        for (const { how, changes } of steps) {
          const changer = new Changer(tracker, 10);
          const before = toConfState(tracker.config);
          try {
            const { config, progress } =
              how === "simple"
                ? changer.simple(changes)
                : how === "leave"
                  ? changer.leaveJoint()
                  : changer.enterJoint(how === "enter-auto", changes);
            tracker.replace(config, progress);
          } catch (error) {
            assert.ok(isRaftError(error, "INVALID_CONF_CHANGE"));
            assert.deepEqual(toConfState(tracker.config), before, "a refused change left traces");
          }
          const state = toConfState(tracker.config);
          const restored = restoreConfig(tracker, state, 10);
          assert.ok(confStatesEqual(toConfState(restored.config), state));
          assert.deepEqual([...restored.progress.keys()].sort(), [...tracker.progress.keys()].sort());
          for (const [id, { isLearner }] of tracker.progress) {
            assert.equal(restored.progress.get(id)!.isLearner, isLearner);
          }
        }
      }),
    );
  });

  test("an empty one is restored as such", () => {
    const { config } = restoreConfig({ maxInflight: 1, maxInflightBytes: NO_LIMIT }, emptyConfState(), 0);
    assert.deepEqual(toConfState(config), emptyConfState());
  });
});
