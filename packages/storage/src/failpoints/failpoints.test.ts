import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { FailpointError, Failpoints } from "./failpoints.ts";
import { serveFailpoints } from "./http.ts";
import { FAILPOINT_NAMES, type FailpointName } from "./names.ts";
import { parsePresets } from "./presets.ts";
import { nextTerm, parseTerms, sleepMs } from "./terms.ts";

const parseCases: { name: string; text: string; actions: string[] | undefined }[] = [
  { name: "a bare action", text: "panic", actions: ["panic"] },
  { name: "an action with empty parentheses", text: "return()", actions: ["return"] },
  { name: "a string value", text: 'sleep("200ms")', actions: ['sleep "200ms"'] },
  { name: "a number", text: "sleep(200)", actions: ["sleep 200"] },
  { name: "a flag", text: "return(true)", actions: ["return true"] },
  {
    name: "a value with an arrow and a parenthesis inside",
    text: 'return("a->b)")',
    actions: ['return "a->b)"'],
  },
  { name: "a chain with prefixes", text: "2*off->50%panic", actions: ["off", "panic"] },
  { name: "prefixes in a row, one with a fraction", text: "3*0.5%sleep(1)", actions: ["sleep 1"] },
  { name: "nothing", text: "", actions: undefined },
  { name: "an unknown action", text: "explode", actions: undefined },
  { name: "an unclosed value", text: "sleep(200", actions: undefined },
  { name: "a bare word as value", text: "sleep(fast)", actions: undefined },
  { name: "a prefix without an action", text: "5*", actions: undefined },
  { name: "a count with a fraction", text: "1.5*panic", actions: undefined },
  { name: "words behind a term", text: "panic now", actions: undefined },
];
for (const { name, text, actions } of parseCases) {
  test(`terms: ${name} ${actions === undefined ? "is refused" : "is understood"}`, () => {
    const show = ({ action, value }: { action: string; value: unknown }): string =>
      value === undefined ? action : `${action} ${JSON.stringify(value)}`;
    assert.deepEqual(parseTerms(text)?.chain.map(show), actions);
  });
}

const durationCases: [value: string | number | boolean | undefined, ms: number | undefined][] = [
  [200, 200],
  ["200ms", 200],
  ["2s", 2000],
  ["1m30s", 90_000],
  ["1.5s", 1500],
  ["500us", 0.5],
  ["0", 0],
  ["fast", undefined],
  ["10", undefined],
  [true, undefined],
  [undefined, undefined],
];
for (const [value, ms] of durationCases) {
  test(`sleep(${JSON.stringify(value)}) waits ${ms} ms`, () => assert.equal(sleepMs(value), ms));
}

test("counts run out and the chain moves on", () => {
  const terms = parseTerms("2*return(1)->1*return(2)")!;
  const values = Array.from({ length: 5 }, () => nextTerm(terms, () => 0)?.value);
  assert.deepEqual(values, [1, 1, 2, undefined, undefined]);
  assert.equal(terms.hits, 3);
});

test("a percentage is a matter of chance", () => {
  const terms = parseTerms("25%return")!;
  assert.notEqual(
    nextTerm(terms, () => 0.2),
    undefined,
  );
  assert.equal(
    nextTerm(terms, () => 0.3),
    undefined,
  );
});

function recording(): { points: Failpoints; seen: string[] } {
  const seen: string[] = [];
  const points = new Failpoints({
    chance: () => 0,
    die: (message) => void seen.push(`dies: ${message}`),
    print: (line) => void seen.push(line),
  });
  return { points, seen };
}

test("a point without terms does nothing, and one with terms does what they say", async () => {
  const { points, seen } = recording();
  assert.equal(await points.hit("raftBeforeSave"), undefined);
  assert.equal(points.hitSync("raftBeforeSave"), 0);
  points.enable("raftBeforeSave", 'return("no")');
  assert.equal(await points.hit("raftBeforeSave"), "no");
  points.enable("raftBeforeSave", "sleep(1)");
  assert.equal(await points.hit("raftBeforeSave"), undefined);
  assert.equal(points.hitSync("raftBeforeSave"), 1, "the loop's own steps are told how long to put off");
  points.enable("raftBeforeSave", "panic");
  await points.hit("raftBeforeSave");
  points.enable("raftBeforeSave", 'panic("why")->off');
  points.hitSync("raftBeforeSave");
  assert.deepEqual(seen, ["dies: failpoint panic: raftBeforeSave", "dies: failpoint panic: why"]);
  points.disable("raftBeforeSave");
  assert.throws(() => points.disable("raftBeforeSave"), { code: "DISABLED" });
  assert.throws(() => points.enable("noSuchPoint", "off"), FailpointError);
});

for (const [text, want] of [
  ["a=panic", [["a", "panic"]]],
  [
    'a=sleep("2s");b=off;',
    [
      ["a", 'sleep("2s")'],
      ["b", "off"],
    ],
  ],
  ["", []],
] as [string, string[][]][]) {
  test(`presets: ${JSON.stringify(text)}`, () =>
    assert.deepEqual([...(parsePresets(text) as Map<string, string>)], want));
}

test("presets without an equals sign, or with two, are refused", () => {
  assert.equal(parsePresets("a"), 'bad failpoint "a"');
  assert.equal(parsePresets("a=b=c"), 'bad failpoint "a=b=c"');
});

test("the HTTP interface answers as etcd's test builds do", async (t) => {
  const { points } = recording();
  const server = await serveFailpoints(points, "127.0.0.1:0");
  t.after(() => server.close());
  const call = async (method: string, path: string, body?: string): Promise<string> => {
    const init = body === undefined ? { method } : { method, body };
    const response = await fetch(`http://127.0.0.1:${server.address.port}${path}`, init);
    return `${response.status} ${await response.text()}`;
  };
  const list = await call("GET", "/");
  assert.deepEqual(
    list,
    `200 ${[...FAILPOINT_NAMES]
      .sort()
      .map((name) => `${name}=\n`)
      .join("")}`,
  );
  const missing = "failpoint: failpoint does not exist\n";
  const steps: [method: string, path: string, body: string | undefined, want: string][] = [
    ["PUT", "/raftAfterSave", 'sleep("1ms")', "204 "],
    ["GET", "/raftAfterSave", undefined, '200 sleep("1ms")\n'],
    ["GET", "/raftAfterSave/count", undefined, "200 0"],
    ["PUT", "/raftAfterSave", "explode", "400 fail to set failpoint: failpoint: could not parse terms\n"],
    ["PUT", "/noSuchPoint", "panic", `400 fail to set failpoint: ${missing}`],
    ["GET", "/noSuchPoint", undefined, `404 failed to GET: ${missing}`],
    ["GET", "/noSuchPoint/count", undefined, `404 failed to GET: ${missing}`],
    ["DELETE", "/raftAfterSave", undefined, "204 "],
    [
      "DELETE",
      "/raftAfterSave",
      undefined,
      "400 failed to delete failpoint failpoint: failpoint is disabled\n",
    ],
    ["GET", "/raftAfterSave", undefined, "404 failed to GET: failpoint: failpoint is disabled\n"],
    ["GET", "/raftAfterSave/count", undefined, "500 failed to GET: failpoint: failpoint is disabled\n"],
    ["PUT", "/failpoints", "afterCommit=off;beforeCommit=2*return", "204 "],
    ["GET", "/beforeCommit", undefined, "200 2*return\n"],
    ["PUT", "/failpoints", "afterCommit", '400 fail to parse failpoint: bad failpoint "afterCommit"\n'],
    ["POST", "/", undefined, "405 Method not allowed\n"],
  ];
  for (const [method, path, body, want] of steps) {
    assert.equal(await call(method, path, body), want, `${method} ${path} ${body ?? ""}`);
  }
  points.hitSync("beforeCommit");
  assert.equal(await call("GET", "/beforeCommit/count"), "200 1");
});

function runChild(code: string, environment: Record<string, string>): ReturnType<typeof spawnSync> {
  const module = fileURLToPath(new URL("./index.ts", import.meta.url));
  const script = `import { failpoints, openFailpointServer } from ${JSON.stringify(module)};\n${code}`;
  const inherited = { PATH: process.env.PATH ?? "" };
  const options = { env: { ...inherited, ...environment }, encoding: "utf8" as const };
  return spawnSync(process.execPath, ["--input-type=module", "--eval", script], options);
}

test("without the variables there are no points", () => {
  const child = runChild("console.log(failpoints, await openFailpointServer());", {});
  assert.equal(child.stdout, "undefined undefined\n");
});

test("a preset panic ends the process at once, without clean-up and with a line on stderr", () => {
  const code = 'process.on("exit", () => console.log("cleaned up")); await failpoints.hit("afterCommit");';
  const child = runChild(code, { GOFAIL_FAILPOINTS: "afterCommit=panic;pointOfAnotherBuild=panic" });
  assert.equal(child.signal, "SIGKILL");
  assert.equal(child.stdout, "");
  assert.equal(child.stderr, "panic: failpoint panic: afterCommit\n");
});

test("presets that cannot be read stop the process", () => {
  for (const presets of ["afterCommit", "afterCommit=explode"]) {
    assert.notEqual(runChild("", { GOFAIL_FAILPOINTS: presets }).status, 0, presets);
  }
});

test("every name is a point", () => {
  const { points } = recording();
  for (const name of FAILPOINT_NAMES satisfies readonly FailpointName[]) points.enable(name, "off");
  assert.equal(points.list().length, FAILPOINT_NAMES.length);
});
