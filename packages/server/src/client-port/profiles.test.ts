import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlainRequest } from "../http/plain-text.ts";
import { type LevelSetting, type LogFields, type Logger, silentLogger } from "../log/logger.ts";
import { answerLogLevel } from "./log-level.ts";
import { Profiles } from "./profiles.ts";

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

function response() {
  const answer: Answer = { status: 0, headers: {}, text: "" };
  return {
    answer,
    writeHead(status: number, headers: Record<string, string>) {
      Object.assign(answer, { status, headers });
    },
    end(text: string) {
      answer.text = text;
    },
  };
}

async function ask(profiles: Profiles, target: string, method = "GET"): Promise<Answer> {
  const [path, query] = target.split("?");
  const res = response();
  await profiles.answer(path!, new URLSearchParams(query), { method }, res);
  return res.answer;
}

test("a profile of the processor is one that Chrome opens", async () => {
  const { status, headers, text } = await ask(new Profiles(), "/debug/pprof/profile?seconds=0.05");
  assert.equal(status, 200);
  assert.match(headers["content-disposition"]!, /filename="quorate\.cpuprofile"/);
  const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(text);
  assert.ok(nodes.length > 0 && endTime > startTime);
  assert.equal(samples.length, timeDeltas.length);
  assert.ok(nodes[0].callFrame);
});

for (const name of ["heap", "allocs"]) {
  test(`so is one of the heap (${name})`, async () => {
    const { status, headers, text } = await ask(new Profiles(), `/debug/pprof/${name}?seconds=0.01`);
    assert.equal(status, 200);
    assert.match(headers["content-disposition"]!, /filename="quorate\.heapprofile"/);
    const { head } = JSON.parse(text);
    assert.ok(head.callFrame && Array.isArray(head.children));
  });
}

test("one profile is taken at a time, and then the next", async () => {
  const profiles = new Profiles();
  const first = ask(profiles, "/debug/pprof/heap?seconds=0.05");
  assert.equal((await ask(profiles, "/debug/pprof/profile?seconds=0.01")).status, 500);
  assert.equal((await first).status, 200);
  assert.equal((await ask(profiles, "/debug/pprof/profile?seconds=0.01")).status, 200);
});

const others: { target: string; method?: string; status: number }[] = [
  { target: "/debug/pprof/", status: 200 },
  { target: "/debug/pprof", status: 200 },
  { target: "/debug/pprof/cmdline", status: 200 },
  { target: "/debug/pprof/goroutine", status: 404 },
  { target: "/debug/pprof/constructor", status: 404 },
  { target: "/debug/pprof/profile", method: "POST", status: 405 },
  ...["0", "-1", "x", "601", ""].map((seconds) => ({
    target: `/debug/pprof/profile?seconds=${seconds}`,
    status: 400,
  })),
];
for (const { target, method = "GET", status } of others) {
  test(`${method} ${target} is answered with ${status}`, async () => {
    assert.equal((await ask(new Profiles(), target, method)).status, status);
  });
}

test("only what lies there is a profile's path", () => {
  const profiles = new Profiles();
  assert.deepEqual(
    ["/debug/pprof", "/debug/pprof/x", "/debug/pprofx", "/debug"].map((path) => profiles.has(path)),
    [true, true, false, false],
  );
});

const levels: { method: string; query?: string; status: number; level: string }[] = [
  { method: "GET", status: 200, level: "info" },
  { method: "PUT", query: "level=debug", status: 200, level: "debug" },
  { method: "PUT", query: "level=loud", status: 400, level: "info" },
  { method: "PUT", status: 400, level: "info" },
  { method: "POST", query: "level=debug", status: 405, level: "info" },
];
for (const { method, query = "", status, level } of levels) {
  test(`${method} of the log's level with "${query}" is answered with ${status}, and it is ${level}`, () => {
    const setting: LevelSetting = { level: "info" };
    const res = response();
    const source = { setting, isChangeable: true };
    answerLogLevel(source, silentLogger, new URLSearchParams(query), { method }, res);
    assert.deepEqual([res.answer.status, setting.level], [status, level]);
    if (status === 200) assert.deepEqual(JSON.parse(res.answer.text), { level });
  });
}

test("a level that nobody has asked to be changeable is told, and not changed", () => {
  const source = { setting: { level: "debug" } as LevelSetting, isChangeable: false };
  const statusOf = (method: string) => {
    const res = response();
    answerLogLevel(source, silentLogger, new URLSearchParams("level=fatal"), { method }, res);
    return res.answer.status;
  };
  assert.deepEqual([statusOf("GET"), statusOf("PUT"), source.setting.level], [200, 405, "debug"]);
});

test("the log says who has changed its level, at whatever level it was", () => {
  const setting: LevelSetting = { level: "info" };
  const lines: (LogFields | undefined)[] = [];
  const log: Logger = {
    ...silentLogger,
    info(_message, fields) {
      if (setting.level === "info") lines.push(fields);
    },
  };
  const change = (level: string, request: PlainRequest) =>
    answerLogLevel({ setting, isChangeable: true }, log, new URLSearchParams({ level }), request, response());
  change("fatal", { method: "PUT", socket: { remoteAddress: "::ffff:10.0.0.1" } });
  change("error", { method: "PUT", peer: { address: "10.0.0.2" } });
  assert.deepEqual(lines, [
    { from: "info", to: "fatal", "remote-addr": "10.0.0.1" },
    { from: "fatal", to: "error", "remote-addr": "10.0.0.2" },
  ]);
  assert.equal(setting.level, "error");
});
