/** docs/migrating-from-etcd.md, every command of it, while a client goes on writing. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "@quorate/testkit/target";
import { tools, whyMissing } from "../programs.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { type Names, Stage } from "./stage.ts";
import { Writer } from "./writer.ts";

const sections = blocksOf(path.join(repositoryRoot, "docs/migrating-from-etcd.md"));
const skip =
  whyMissing("etcd") ?? (process.platform === "linux" ? false : "needs all addresses of 127.0.0.0/8");

function section(heading: string): readonly Block[] {
  const blocks = sections.get(heading);
  assert.ok(blocks !== undefined, `the guide has no commands under "${heading}"`);
  return blocks;
}

/** A block that no guide shows: the cluster that is there before. */
const given = (machine: string, script: string): Block => ({
  machine,
  script,
  runs: true,
  again: false,
  check: undefined,
  line: 0,
});

async function startEtcd(stage: Stage): Promise<void> {
  const cluster = [0, 1, 2].map((i) => `infra${i}=http://10.0.1.1${i}:2380`).join(",");
  await Promise.all(
    [0, 1, 2].map((i) => {
      const at = `http://10.0.1.1${i}`;
      const script = `etcd --name infra${i} --data-dir /var/lib/etcd --initial-cluster ${cluster} \
        --listen-peer-urls ${at}:2380 --initial-advertise-peer-urls ${at}:2380 \
        --listen-client-urls ${at}:2379 --advertise-client-urls ${at}:2379`;
      return stage.run(given(`infra${i}`, script));
    }),
  );
}

/** Runs a section's blocks, and looks at what those print that are marked so. */
async function follow(stage: Stage, blocks: readonly Block[], names: Names = {}): Promise<void> {
  for (const block of blocks) {
    const output = await stage.run(block, names);
    if (block.check === undefined) continue;
    assert.equal(block.check, "same-hashes");
    const hashes = output
      .trim()
      .split("\n")
      .map((line) => line.split(", ")[1]);
    assert.ok(hashes.length >= 3, output);
    assert.equal(new Set(hashes).size, 1, output);
  }
}

const successor = (from: number, to: number): Names => ({
  infra0: `infra${from}`,
  "10.0.1.10": `10.0.1.1${from}`,
  quorate0: `quorate${to}`,
  "10.0.1.20": `10.0.1.2${to}`,
});

async function onStage(run: (stage: Stage, writer: Writer) => Promise<void>): Promise<void> {
  const { etcd, etcdctl, etcdutl } = tools;
  const stage = new Stage({ etcd, etcdctl, etcdutl, quorate: path.join(repositoryRoot, "bin/quorate") });
  try {
    await startEtcd(stage);
    const ends = [10, 11, 12, 20, 21, 22, 13, 14, 15];
    const writer = new Writer(ends.map((end) => `${stage.network}${end}:2379`));
    await writer.goesOn();
    try {
      await run(stage, writer);
    } finally {
      await writer.close();
    }
  } finally {
    await stage.close();
  }
}

export function migratingGuide(): void {
  test("the guide's way member by member, and back again", { skip }, () =>
    onStage(async (stage, writer) => {
      await follow(stage, section("Before"));
      for (const i of [0, 1, 2]) {
        await follow(stage, section("Member by member"), successor(i, i));
        await stage.ended(`infra${i}`);
        await writer.goesOn();
      }
      for (const i of [0, 1, 2]) {
        const names = { ...successor(i, i), infra3: `infra${3 + i}`, "10.0.1.13": `10.0.1.1${3 + i}` };
        await follow(stage, section("Back again"), names);
        await stage.ended(`quorate${i}`);
        await writer.goesOn();
      }
      await writer.allThere();
    }),
  );

  test("the guide's way in place, and back again", { skip }, () =>
    onStage(async (stage, writer) => {
      await follow(stage, section("Before"));
      for (const way of ["In place", "In place, back again"]) {
        for (const i of [1, 2, 0]) {
          await follow(stage, section(way), { infra1: `infra${i}`, "10.0.1.11": `10.0.1.1${i}` });
          await writer.goesOn();
        }
      }
      await writer.allThere();
    }),
  );

  test("the guide's way by a snapshot file", { skip }, () =>
    onStage(async (stage, writer) => {
      const [save, restore, start, look] = section("By a snapshot file") as [Block, Block, Block, Block];
      const written = await writer.allThere();
      await stage.run(save);
      for (const i of [0, 1, 2]) await stage.run({ ...restore, machine: `quorate${i}` }, oneOf(i));
      await Promise.all([0, 1, 2].map((i) => stage.run({ ...start, machine: `quorate${i}` }, oneOf(i))));
      await stage.run(look);
      const count = await stage.run({
        ...look,
        script: "etcdctl get written/ --prefix --count-only --write-out fields | grep Count",
      });
      assert.equal(count.trim(), `"Count" : ${written}`);
    }),
  );
}

/** What stands for one machine of three, in a block that names all of them once. */
function oneOf(i: number): Names {
  return i === 0
    ? {}
    : {
        "--name quorate0": `--name quorate${i}`,
        "advertise-peer-urls http://10.0.1.20": `advertise-peer-urls http://10.0.1.2${i}`,
        "listen-peer-urls http://10.0.1.20": `listen-peer-urls http://10.0.1.2${i}`,
        "listen-client-urls http://10.0.1.20": `listen-client-urls http://10.0.1.2${i}`,
        "advertise-client-urls http://10.0.1.20": `advertise-client-urls http://10.0.1.2${i}`,
      };
}
