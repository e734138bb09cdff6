import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { testWithSeed } from "@quorate/testkit/seed";
import { simulate } from "../index.ts";
import { buildTimeline } from "./build-timeline.ts";
import { explain } from "./explain.ts";
import { renderPage } from "./render-page.ts";
import { resolveReplay } from "./replay.ts";
import type { Timeline } from "./timeline.ts";

const OPTIONS = { seed: 3, plants: ["reads-without-quorum"], troubleMs: 4_500 };

testWithSeed("a run that is recorded is the same run", { timeout: 600_000 }, async (seed) => {
  const options = { seed, troubleMs: 3_000, traceLines: 100_000 };
  const [plain, recorded] = [await simulate(options), await simulate({ ...options, isRecorded: true })];
  assert.equal(plain.recorder, undefined);
  assert.deepEqual(recorded.trace, plain.trace);
  assert.equal(recorded.digest, plain.digest);
});

test("the timeline has what happened", { timeout: 600_000 }, async () => {
  const run = await simulate({ ...(await resolveReplay(OPTIONS)), isRecorded: true });
  assert.ok(run.violations.length > 0);
  const timeline = buildTimeline(run, { replay: "replay", notes: ["first"] });
  const { members, clients, calls, faults, messages, states, lives, violations } = timeline;
  assert.deepEqual(members.slice(0, 3), ["m1", "m2", "m3"]);
  assert.deepEqual(new Set(clients.map(({ name }) => name)), new Set([...run.clients, "probe"]));
  assert.ok(clients.some(({ name, isWatcher }) => isWatcher && name === "all of m1"));
  assert.deepEqual(
    faults.map(({ number, startMs }) => [number, startMs]),
    run.faults.map(({ number, atMs }) => [number, Math.round(1_000 * atMs) / 1_000]),
  );
  const roles = new Set(states.map(({ role }) => role));
  for (const role of ["starting", "follower", "leader", "down"] as const) assert.ok(roles.has(role), role);
  for (const life of lives) assert.ok(life.endMs === null || life.endMs >= life.startMs);
  assert.ok(lives.some(({ endedBy }) => endedBy !== null));
  assert.ok(timeline.progress.some(({ applied }) => applied > 50));
  const types = messages.types;
  for (const type of ["MsgApp", "MsgAppResp", "MsgHeartbeat", "MsgVote"])
    assert.ok(types.includes(type), type);
  const columns = Object.values(messages).filter(
    (column) => column.length > 0 && typeof column[0] !== "string",
  );
  for (const column of columns) assert.equal(column.length, messages.sentMs.length);
  messages.receivedMs.forEach((receivedMs, i) => {
    assert.equal(receivedMs === null, messages.lostBy[i]! >= 0);
    assert.ok(receivedMs === null || receivedMs >= messages.sentMs[i]!);
  });
  assert.ok(messages.lostBy.some((cause) => messages.causes[cause] === "the link was cut"));
  assert.equal(violations.length, run.violations.length);
  const call = calls[violations[0]!.call!]!;
  assert.match(call.what, /range/);
  assert.equal(violations[0]!.atMs, call.startMs);
  assert.ok(violations[0]!.foundMs > call.endMs!);
});

/** Faults, and what each does at once. */
const effects = [
  { fault: "isolate-leader", machine: "m1", effect: /^cut: m1 ↔ m2, m1 ↔ m3$/ },
  { fault: "power", machine: "m2", effect: /^m2 ends: power loss$/ },
  { fault: "pause", machine: "m3", effect: /^m3 is paused$/ },
  { fault: "bad-links", machine: "m1", effect: /bad links: latencyMs \d/ },
] as const;

test("faults tell what they did, and whom they hit", { timeout: 600_000 }, async () => {
  const faults = effects.map(({ fault, machine }, i) => {
    return { number: i + 1, atMs: 1_000 + 100 * i, fault, machine, durationMs: 50, seed: i };
  });
  const run = await simulate({ seed: 1, troubleMs: 2_000, faults, onlyClients: [], isRecorded: true });
  assert.deepEqual(run.faults, faults);
  const timeline = buildTimeline(run, { replay: "", notes: [] });
  effects.forEach(({ fault, machine, effect }, i) => {
    const { kind, member, startMs, endMs, effects: found } = timeline.faults[i]!;
    assert.deepEqual([kind, timeline.members[member], endMs - startMs], [fault, machine, 50]);
    assert.match(found.join("\n"), effect);
  });
  assert.equal(timeline.pauses.length, 1);
  assert.equal(timeline.links.length, 2);
});

test("a failing run gets a page with its data, minimised, that needs nothing else", {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "timeline-"));
  try {
    const file = path.join(folder, "timeline.html");
    const result = await simulate(await resolveReplay(OPTIONS));
    const { replay, minimised } = await explain(OPTIONS, result, file, { runs: 5, seconds: 60 });
    const page = readFileSync(file, "utf8");
    const timeline = timelineOf(page);
    assert.equal(timeline.replay, replay);
    assert.match(replay, /--only-faults \S+ --only-clients "/);
    assert.deepEqual(timeline.members, ["m1", "m2", "m3"]);
    assert.ok(timeline.clients.length > 0);
    assert.ok(timeline.faults.length < result.faults.length);
    assert.ok(timeline.violations.some(({ rule }) => rule === minimised!.rule));
    assert.match(timeline.notes[0]!, /^Minimised to \d+ of \d+ faults/);
    assert.doesNotMatch(page, /<(script|link|img)[^>]+(src|href)=/);
    assert.match(page, /getContext\("2d"\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("texts in the data cannot end the script that they are in", { timeout: 600_000 }, async () => {
  const run = await simulate({ seed: 1, troubleMs: 100, faults: [], onlyClients: [], isRecorded: true });
  const evil = "</script><script>alert(1)</script> $& {{title}}";
  const page = await renderPage(buildTimeline(run, { replay: evil, notes: [evil] }));
  assert.equal(timelineOf(page).replay, evil);
  assert.equal(page.split("</script>").length, 3);
});

function timelineOf(page: string): Timeline {
  const [, json = ""] = /<script id="timeline" type="application\/json">(.*?)<\/script>/s.exec(page)!;
  return JSON.parse(json) as Timeline;
}
