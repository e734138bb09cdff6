import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnderV3, MAX_PATH_CHARS, pathElements, redirection, requestTarget } from "./request-target.ts";

const targets: { target: string; path: string; isUnderV3: boolean; redirection?: string }[] = [
  { target: "/version", path: "/version", isUnderV3: false },
  { target: "/version?a=//b", path: "/version", isUnderV3: false },
  { target: "/version#x", path: "/version#x", isUnderV3: false },
  { target: "http://host:1/version", path: "/version", isUnderV3: false },
  { target: "ftp://host/version?a=b", path: "/version", isUnderV3: false },
  { target: "//version?a=b", path: "//version", isUnderV3: false, redirection: "/version?a=b" },
  { target: "/x/../version", path: "/x/../version", isUnderV3: false, redirection: "/version" },
  { target: "/%2e%2e/version", path: "/../version", isUnderV3: false },
  { target: "/..", path: "/..", isUnderV3: false, redirection: "/" },
  { target: "", path: "", isUnderV3: false, redirection: "/" },
  { target: "/v3/kv/range", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3/kv%2Frange", path: "/v3/kv/range", isUnderV3: true },
  { target: "/%76%33/kv/range", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3%2Fkv/range", path: "/v3/kv/range", isUnderV3: false },
  { target: "/v3/kv/%ff", path: "/v3/kv/\xff", isUnderV3: true },
  { target: "/v3//kv/range?x", path: "/v3//kv/range", isUnderV3: true, redirection: "/v3/kv/range?x" },
  { target: "/v3/..", path: "/v3/..", isUnderV3: true, redirection: "/" },
  { target: "/v3?x", path: "/v3", isUnderV3: false, redirection: "/v3/?x" },
  { target: "/x/../v3", path: "/x/../v3", isUnderV3: false, redirection: "/v3/" },
  { target: "/v3beta/kv/range", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3beta//range", path: "/v3//range", isUnderV3: true, redirection: "/v3/range" },
  { target: "/v3beta/kv%2Frange", path: "/v3/kv/range", isUnderV3: true },
  { target: "/v3beta", path: "/v3beta", isUnderV3: false },
  { target: "//a%20b", path: "//a b", isUnderV3: false, redirection: "/a%2520b" },
];
for (const want of targets) {
  test(`the target "${want.target}" leads ${want.redirection ?? want.path}`, () => {
    const target = requestTarget(want.target)!;
    assert.equal(target.path, want.path);
    assert.equal(isUnderV3(target), want.isUnderV3);
    assert.equal(redirection(target, "GET", true), want.redirection);
  });
}

for (const target of ["*", "/v3/kv/range%zz", "/version%", "/%4"]) {
  test(`"${target}" names nothing`, () => assert.equal(requestTarget(target), undefined));
}

test("without a gateway nothing leads into it", () => {
  assert.equal(redirection(requestTarget("/v3")!, "GET", false), undefined);
});

test("CONNECT is not sent elsewhere", () => {
  assert.equal(redirection(requestTarget("//version")!, "CONNECT", true), undefined);
});

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
