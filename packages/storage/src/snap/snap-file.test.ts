import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { fc } from "@quorate/testkit/property";
import type { Disk } from "../seams/disk.ts";
import { SimulatedDisk } from "../seams/simulated-disk.ts";
import { loadNewestSnapFile, purgeSnapFiles, saveSnapFile } from "./snap-directory.ts";
import {
  decodeSnapFile,
  encodeSnapFile,
  type SnapFileContent,
  SnapFileError,
  snapFileName,
} from "./snap-file.ts";
import { SnapTimes } from "./snap-times.ts";
import { encodeV2Store } from "./v2-store.ts";

function content(index: number, term: number, data = "{}"): SnapFileContent {
  const confState = { voters: [0x10n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  return { index, term, confState, data: new TextEncoder().encode(data) };
}

test("a file has the bytes of the format", () => {
  const bytes = encodeSnapFile(content(5, 2));
  assert.equal(Buffer.from(bytes).toString("hex"), "08d7a6ddb50a120e0a027b7d12080a02081010051802");
  assert.deepEqual(decodeSnapFile(bytes), content(5, 2));
  assert.equal(snapFileName(2, 5), "0000000000000002-0000000000000005.snap");
});

const idArray = fc.array(fc.bigInt(0n, 0xffff_ffff_ffff_ffffn), { maxLength: 4 });
test("any snapshot survives encoding and decoding", () =>
  fc.assert(
    fc.property(
      fc.record(
        {
          index: fc.maxSafeNat(),
          term: fc.maxSafeNat(),
          data: fc.uint8Array({ maxLength: 2000 }),
          confState: fc.record(
            {
              voters: idArray,
              learners: idArray,
              votersOutgoing: idArray,
              learnersNext: idArray,
              autoLeave: fc.boolean(),
            },
            { noNullPrototype: true },
          ),
        },
        { noNullPrototype: true },
      ),
      (snapshot) => assert.deepEqual(decodeSnapFile(encodeSnapFile(snapshot)), snapshot),
    ),
  ));

const damaged: { name: string; bytes: Uint8Array; message: string }[] = [
  { name: "an empty file", bytes: new Uint8Array(0), message: "snap: empty snapshot" },
  { name: "a file without data", bytes: Buffer.from("08d7a6ddb50a", "hex"), message: "snap: empty snapshot" },
  { name: "a file with crc 0", bytes: Buffer.from("0800120101", "hex"), message: "snap: empty snapshot" },
  { name: "another crc", bytes: Buffer.from("0801120101", "hex"), message: "snap: crc mismatch" },
  { name: "no protobuf", bytes: Buffer.from("ffff", "hex"), message: "snap: malformed snapshot" },
];
for (const { name, bytes, message } of damaged) {
  test(`${name} is refused`, () =>
    assert.throws(() => decodeSnapFile(bytes), { name: "SnapFileError", message }));
}

test("a file with any byte flipped is refused", () => {
  const bytes = encodeSnapFile(content(5, 2));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const copy = bytes.slice();
    copy[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeSnapFile(copy), SnapFileError, `bit ${bit}`);
  }
});

async function directoryWith(indexes: number[]): Promise<{ disk: Disk; simulated: SimulatedDisk }> {
  const simulated = new SimulatedDisk({ random: { below: () => 0 } });
  const disk = simulated.mount();
  await disk.makeDirectory("snap");
  await disk.syncDirectory(".");
  for (const index of indexes)
    await saveSnapFile(disk, "snap", content(index, 1), new SnapTimes(new ManualClock()));
  return { disk, simulated };
}

test("the newest whole and acceptable file is loaded, and damaged ones are set aside", async () => {
  const { disk, simulated } = await directoryWith([1, 2, 3, 4]);
  simulated.setContents(`snap/${snapFileName(1, 4)}`, new Uint8Array(3));
  const loaded = await loadNewestSnapFile(disk, "snap", ({ index }) => index !== 3);
  assert.equal(loaded.content.index, 2);
  assert.deepEqual(
    loaded.broken.map(({ path }) => path),
    [`snap/${snapFileName(1, 4)}`],
  );
  assert.ok(await disk.exists(`snap/${snapFileName(1, 4)}.broken`));
  assert.deepEqual((await loadNewestSnapFile(disk, "snap")).content, content(3, 1));
});

test("without a usable file there is no available snapshot", async () => {
  const { disk } = await directoryWith([]);
  await assert.rejects(loadNewestSnapFile(disk, "snap"), { message: "snap: no available snapshot" });
});

test("a saved file survives a crash", async () => {
  const { simulated } = await directoryWith([7]);
  simulated.crash();
  assert.equal((await loadNewestSnapFile(simulated.mount(), "snap")).content.index, 7);
});

test("a file that could not be written wholly is removed", async () => {
  let full = false;
  const simulated = new SimulatedDisk({
    random: { below: () => 0 },
    fault: (operation) => (full && operation === "write" ? "FULL" : undefined),
  });
  const disk = simulated.mount();
  await disk.makeDirectory("snap");
  full = true;
  await assert.rejects(saveSnapFile(disk, "snap", content(1, 1), new SnapTimes(new ManualClock())), {
    code: "FULL",
  });
  assert.deepEqual(await disk.list("snap"), []);
});

test("purging keeps the newest files and touches no other", async () => {
  const { disk, simulated } = await directoryWith([1, 2, 3]);
  for (const name of ["0000000000000001.snap.db", "0000000000000002.snap.db", "a.snap.broken", "db"]) {
    simulated.setContents(`snap/${name}`, new Uint8Array(1));
  }
  assert.deepEqual(await purgeSnapFiles(disk, "snap", 0), []);
  const removed = await purgeSnapFiles(disk, "snap", 1);
  assert.deepEqual(removed, [snapFileName(1, 1), snapFileName(1, 2), "0000000000000001.snap.db"]);
});

const member = {
  id: 0xb9486acf837372abn,
  peerUrls: ["http://127.0.0.1:21321"],
  isLearner: false,
  name: "",
  clientUrls: [],
};

test("the smallest membership has the bytes of the format", () => {
  const json = encodeV2Store({ members: [member], removedIds: [], clusterVersion: undefined });
  assert.equal(
    new TextDecoder().decode(json),
    '{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"0":{"Path":"/0","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"members":{"Path":"/0/members","CreatedIndex":1,"ModifiedIndex":1,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"b9486acf837372ab":{"Path":"/0/members/b9486acf837372ab","CreatedIndex":1,"ModifiedIndex":1,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{"raftAttributes":{"Path":"/0/members/b9486acf837372ab/raftAttributes","CreatedIndex":1,"ModifiedIndex":1,"ExpireTime":"0001-01-01T00:00:00Z","Value":"{\\"peerURLs\\":[\\"http://127.0.0.1:21321\\"]}","Children":null}}}}}}},"1":{"Path":"/1","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{}}}},"CurrentIndex":1,"CurrentVersion":2}',
  );
});

test("learners, started members, removed members and the version each have their place", () => {
  const started = { ...member, id: 1n, isLearner: true, name: "n1", clientUrls: ["http://c"] };
  const json = encodeV2Store({ members: [started], removedIds: [0xabn], clusterVersion: "3.7.0" });
  const cluster = JSON.parse(new TextDecoder().decode(json)).Root.Children["0"].Children;
  const attributes = cluster.members.Children["1"].Children;
  assert.equal(attributes.raftAttributes.Value, '{"peerURLs":["http://127.0.0.1:21321"],"isLearner":true}');
  assert.equal(attributes.attributes.Value, '{"name":"n1","clientURLs":["http://c"]}');
  assert.equal(cluster.removed_members.Children.ab.Value, "");
  assert.equal(cluster.version.Value, "3.7.0");
});
