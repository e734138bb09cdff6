import assert from "node:assert/strict";
import test from "node:test";
import { UrlPicker } from "./url-picker.ts";

test("a failure leads to the next address, but not when that has happened already", () => {
  const picker = new UrlPicker(["http://a:1", "http://b:2", "http://[::1]:3"]);
  const first = picker.current!;
  picker.failed(first);
  assert.equal(picker.current?.url, "http://b:2");
  picker.failed(first);
  assert.equal(picker.current?.url, "http://b:2");
  picker.failed(picker.current!);
  assert.equal(picker.current?.host, "::1");
  picker.failed(picker.current!);
  assert.equal(picker.current, first);
});

test("new addresses are tried from the first on; what is no peer URL is left out", () => {
  const picker = new UrlPicker(["http://a:1", "http://b:2"]);
  picker.failed(picker.current!);
  picker.replace(["nonsense", "https://c:3", "unixs:///run/d"]);
  assert.equal(picker.current?.url, "https://c:3");
  assert.equal(picker.current.secure, true);
  picker.failed(picker.current);
  assert.equal(picker.current?.path, "/run/d");
  picker.replace([]);
  assert.equal(picker.current, undefined);
});
