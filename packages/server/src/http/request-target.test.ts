import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answerBefore,
  clientSubtrees,
  clientTarget,
  isUnder,
  isUnderV3,
  MAX_PATH_CHARS,
  pathElements,
  plainPath,
  redirection,
  requestTarget,
} from "./request-target.ts";

const GATEWAY = clientSubtrees(true);
const SUBTREE = "/members/promote/";

/** What etcd 3.7.3 sends elsewhere: on both ports, or on the one that has a subtree there. */
const redirected: [target: string, onClientPort: string | undefined, onPeerPort: string | undefined][] = [
  ...(
    [
      ["//version", "/version"],
      ["/./version", "/version"],
      ["/x/../version", "/version"],
      ["/../version", "/version"],
      ["/:x/../version", "/version"],
      ["/a/b/../../version", "/version"],
      ["/a/b/../..", "/"],
      ["/x/..//y/./z/", "/y/z/"],
      ["/..", "/"],
      ["/.", "/"],
      ["", "/"],
      ["http://h", "/"],
      ["http://h?x", "/?x"],
      ["http://h//version", "/version"],
      ["//version?a", "/version?a"],
      ["//version?", "/version"],
      ["//version;a=b", "/version;a=b"],
      ["//members?x=%20y", "/members?x=%20y"],
      ["//version#x", "/version%2523x"],
      ["//a%20b", "/a%2520b"],
      ["/a%2520b//", "/a%252520b/"],
      ["//a%3Fb", "/a%253Fb"],
      ["//a%23b", "/a%2523b"],
      ["//a%25b", "/a%2525b"],
      ["//%ff", "/%25ff"],
      ["//%c3%a9", "/%25c3%25a9"],
      ["//a!b", "/a%21b"],
      ["//x<y>&'\"z", "/x%253Cy%253E&%2527%2522z"],
      ["//a+b=c,d@e~f$g!h(i)*j|k", "/a+b=c,d@e~f$g%2521h%2528i%2529%252Aj%257Ck"],
      ["/raft/stream//msgapp/1", "/raft/stream/msgapp/1"],
      ["//raft/stream", "/raft/stream"],
      ["/members/promote//7", "/members/promote/7"],
      ["/v3//", "/v3/"],
      ["/v3/kv//range", "/v3/kv/range"],
      ["/v3beta/..", "/"],
    ] as const
  ).map(([target, location]): [string, string, string] => [target, location, location]),
  ["/v3", "/v3/", undefined],
  ["/v3?", "/v3/", undefined],
  ["/v3?x", "/v3/?x", undefined],
  ["/%76%33", "/v3/", undefined],
  ["/x/../v3", "/v3/", "/v3"],
  ["/v3beta//x", "/v3/x", "/v3beta/x"],
  ["/members/promote", undefined, "/members/promote/"],
  ["/%6dembers/promote", undefined, "/members/promote/"],
  ["//members/promote?y", "/members/promote?y", "/members/promote/?y"],
];
/** What goes where it says. */
const direct = [
  ...["/version", "/version/", "/version?a=//b", "/%76ersion", "/%2fversion", "/version%2f", "/version#x"],
  ...["/%2e/version", "/%2e%2e/version", "/x/%2e%2e/version", "/a%20b", "/%ff", "/version;a=b"],
  ...["http://h/version", "https://h/version", "ftp://h/version", "/raft", "/raft/", "/raft/stream/"],
  ...["/raft%2fstream", "/raft/stream/msgapp%2f1", "/members/promote/", "/members/promote/7/"],
  ...["/members/promote%2f7", "/members%2fpromote", "/leases%2finternal", "/v3/", "/v3/kv/range", "/v3%2f"],
  ...["/v3%2fkv", "/v3beta", "/v3beta/kv/range", "/debug/", "/livez/", "/nope"],
];
for (const [target, onClientPort, onPeerPort] of [
  ...redirected,
  ...direct.map((target) => [target, undefined, undefined] as const),
]) {
  test(`"${target}" goes to ${onClientPort} on the client port, and to ${onPeerPort} on the peer port`, () => {
    assert.equal(redirection(clientTarget(target)!, "GET", GATEWAY), onClientPort);
    assert.equal(redirection(requestTarget(target)!, "GET", [SUBTREE]), onPeerPort);
  });
}

const paths: { target: string; path: string; isUnderV3: boolean; plain?: string }[] = [
  { target: "/version", path: "/version", isUnderV3: false },
  { target: "/version#x", path: "/version#x", isUnderV3: false },
  { target: "ftp://host/version?a=b", path: "/version", isUnderV3: false },
  { target: "/%2e%2e/version", path: "/../version", isUnderV3: false },
  { target: "/%2fversion", path: "//version", isUnderV3: false, plain: "" },
  { target: "/version%2f", path: "/version/", isUnderV3: false, plain: "" },
  { target: "/v3/kv/range", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3/kv%2Frange", path: "/v3/kv/range", isUnderV3: true, plain: "" },
  { target: "/%76%33/kv/range", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3%2Fkv/range", path: "/v3/kv/range", isUnderV3: false, plain: "" },
  { target: "/v3/kv/%ff", path: "/v3/kv/\xff", isUnderV3: true },
  { target: "/v3/..", path: "/v3/..", isUnderV3: true },
  { target: "/v3", path: "/v3", isUnderV3: false },
  { target: "/v3/", path: "/v3/", isUnderV3: true },
  { target: "/v3beta/kv/range", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3beta/kv%2Frange", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3beta", path: "/v3beta", isUnderV3: false },
];
for (const { target, path, isUnderV3: isIn, plain = path } of paths) {
  test(`on the client port "${target}" is ${path}`, () => {
    const read = clientTarget(target)!;
    assert.deepEqual([read.path, isUnderV3(read), plainPath(read)], [path, isIn, plain]);
  });
}

test("on the peer port nothing is beta", () => {
  assert.equal(requestTarget("/v3beta/kv/range")?.path, "/v3beta/kv/range");
});

for (const [target, is] of [
  ["/members/promote/7", true],
  ["/members/promote/", true],
  ["/members/promote/7/8", true],
  ["/%6dembers/promote/a%2fb", true],
  ["/members/promote", false],
  ["/members/promote%2f7", false],
  ["/members/other/7", false],
  ["/x/members/promote/7", false],
] as const) {
  test(`"${target}" is ${is ? "" : "not "}under ${SUBTREE}`, () => {
    assert.equal(isUnder(requestTarget(target)!, SUBTREE), is);
  });
}

for (const target of ["/v3/kv/range%zz", "/version%", "/%4"]) {
  test(`"${target}" names nothing`, () => assert.equal(requestTarget(target), undefined));
}

test("no path at all is for the server as such, and only to ask what it can do", () => {
  const answer = (method: string) => answerBefore(requestTarget("*", method)!, method, GATEWAY);
  assert.deepEqual(answer("OPTIONS"), { status: 200, headers: [], text: "" });
  for (const method of ["GET", "POST", "CONNECT"]) {
    assert.deepEqual(answer(method), { status: 400, headers: [["Connection", "close"]], text: "" });
  }
});

test("a redirect says where to, and to readers also as a page", () => {
  const answer = (method: string) => answerBefore(requestTarget("//a&b")!, method, GATEWAY);
  const location = ["Location", "/a&b"] as const;
  assert.deepEqual(answer("POST"), { status: 307, headers: [location], text: "" });
  const page = {
    status: 307,
    headers: [location, ["Content-Type", "text/html; charset=utf-8"]],
    text: '<a href="/a&amp;b">Temporary Redirect</a>.\n\n',
  };
  assert.deepEqual([answer("GET"), answer("HEAD")], [page, page]);
  assert.equal(answerBefore(requestTarget("/a")!, "GET", GATEWAY), undefined);
});

test("without a gateway nothing leads into it", () => {
  assert.equal(redirection(requestTarget("/v3")!, "GET", clientSubtrees(false)), undefined);
});

const connects: { target: string; path: string; location?: string }[] = [
  { target: "//version", path: "//version" },
  { target: "/x/../version", path: "/x/../version" },
  { target: "/v3", path: "/v3", location: "/v3/" },
  { target: "h:1", path: "" },
  { target: "version", path: "" },
  { target: "http://h/version", path: "//h/version" },
  { target: "http://h?x", path: "//h" },
];
for (const { target, path, location } of connects) {
  test(`CONNECT ${target} is sent nowhere else but into a subtree`, () => {
    const read = requestTarget(target, "CONNECT")!;
    assert.equal(read.path, path);
    assert.equal(redirection(read, "CONNECT", GATEWAY), location);
  });
}

test("an escaped slash is a part of its element", () => {
  assert.deepEqual(pathElements(requestTarget("/livez%2fx/%41")!), ["", "livez/x", "A"]);
});

test("a path that is longer than any here is no target, whatever the rest is", () => {
  const path = `/${"a".repeat(MAX_PATH_CHARS - 1)}`;
  const query = `?${"a".repeat(MAX_PATH_CHARS)}`;
  assert.equal(requestTarget(`http://host${path}${query}`)?.path, path);
  assert.equal(requestTarget(`${path}a`), undefined);
  assert.equal(requestTarget("%41".repeat(MAX_PATH_CHARS / 3 + 1)), undefined);
});
