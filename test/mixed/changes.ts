/** Load that the fault suites have no need of: deletions, and compactions behind all watchers. */

import * as m from "@quorate/testkit/messages";
import type { MemberClient } from "../cluster/client.ts";
import { sleep } from "../cluster/load/session.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import type { Arena } from "../cluster/scenario.ts";

const PACE_MS = 25;
const COMPACTION_INTERVAL_MS = 700;
/** Revisions that no watcher may be behind when they go. */
const KEPT_REVISIONS = 300;

/** Runs `work` while keys are put, deleted and compacted through members that the load works on. */
export async function whileChanging(arena: Arena, work: () => Promise<void>): Promise<void> {
  const until = { stopping: false };
  const workers = [runDeletions(arena, until), runCompactions(arena, until)];
  try {
    await work();
  } finally {
    until.stopping = true;
    await Promise.all(workers);
  }
}

interface Until {
  stopping: boolean;
}

async function runDeletions(arena: Arena, until: Until): Promise<void> {
  const { load, random } = arena;
  for (let round = 1; !until.stopping; round++) {
    const client = anyClient(arena);
    const key = `deleted/${round % 50}`;
    const value = `deletion:${round}`;
    try {
      const put = await client.put({ key, value });
      load.journal.observe(put.header!.revision, undefined);
      const deleted = random.chance(0.5)
        ? await deleteKey(client, key)
        : await deleteIfThere(client, key, value);
      if (deleted !== 1) load.journal.problem(`${client.name} deleted ${deleted} keys, and not ${key}`);
    } catch (error) {
      load.journal.noteError(error, `${client.name}/deletions`);
    }
    await sleep(PACE_MS);
  }
}

async function deleteKey(client: MemberClient, key: string): Promise<number> {
  const request = { key, prev_kv: true };
  const answer = await client.call(
    "KV/DeleteRange",
    m.DeleteRangeRequest,
    m.DeleteRangeResponse,
    request,
    3_000,
  );
  return answer.prev_kvs.length === answer.deleted ? answer.deleted : -1;
}

async function deleteIfThere(client: MemberClient, key: string, value: string): Promise<number> {
  const compare = { key, target: m.CompareTarget.VALUE, result: m.CompareResult.EQUAL, value };
  const answer = await client.txn({ compare: [compare], success: [{ request_delete_range: { key } }] });
  return answer.succeeded ? 1 : 0;
}

async function runCompactions(arena: Arena, until: Until): Promise<void> {
  const { load } = arena;
  let compacted = 0;
  while (!until.stopping) {
    await sleep(COMPACTION_INTERVAL_MS);
    const revision =
      Math.min(...[...load.watchers().values()].map((watcher) => watcher.revision)) - KEPT_REVISIONS;
    if (revision <= compacted) continue;
    compacted = revision;
    const client = anyClient(arena);
    try {
      await client.compact({ revision });
    } catch (error) {
      load.journal.noteError(error, `${client.name}/compactions`);
    }
  }
}

function anyClient({ cluster, load, random }: Arena): MemberClient {
  const served = new Set(load.watchers().keys());
  const member = random.pick(cluster.members.filter(({ name }) => served.has(name)));
  return cluster.client(member as MemberProcess);
}
