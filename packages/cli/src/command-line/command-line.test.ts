import assert from "node:assert/strict";
import test from "node:test";
import { ETCDCTL } from "../ctl/commands.ts";
import type { CommandPath } from "./command.ts";
import { allFlags, findCommand, pathText } from "./find-command.ts";
import { FlagValues } from "./flag-values.ts";
import { helpText } from "./help.ts";
import { parseFlags, UsageError } from "./parse-flags.ts";
import { suggestionsFor } from "./suggestions.ts";

const found = [
  { line: "get k", path: "etcdctl get", args: "k" },
  { line: "--endpoints a,b get k", path: "etcdctl get", args: "--endpoints a,b k" },
  { line: "-w json member add get", path: "etcdctl member add", args: "-w json get" },
  { line: "ge k", path: "etcdctl get", args: "k" },
  { line: "endpoint stat", path: "etcdctl endpoint status", args: "" },
  { line: "member bogus", path: "etcdctl member", args: "bogus" },
  { line: "e status", path: "etcdctl", args: "e status" },
  { line: "--hex get -- get", path: "etcdctl get", args: "--hex -- get" },
];
for (const { line, path, args } of found) {
  test(`${line} means ${path}`, () => {
    const command = findCommand([ETCDCTL], line.split(" "));
    assert.deepEqual([pathText(command.path), command.args.join(" ")], [path, args]);
  });
}

const GET = findCommand([ETCDCTL], ["get"]).path;

test("flags and arguments may stand in any order, in all of their forms", () => {
  const values = new FlagValues(allFlags(GET));
  const args = "a --prefix -wjson --limit=5 b --rev 7 --endpoints x,y --endpoints z --hex=false -- --c".split(
    " ",
  );
  assert.deepEqual(parseFlags(args, values), ["a", "b", "--c"]);
  assert.deepEqual(
    [values.on("prefix"), values.text("write-out"), values.integer("limit"), values.integer("rev")],
    [true, "json", 5n, 7n],
  );
  assert.deepEqual(values.list("endpoints"), ["x", "y", "z"]);
  assert.equal(values.on("hex"), false);
  assert.deepEqual([values.changed("hex"), values.changed("order")], [true, false]);
});

const wrong = [
  { line: "--foo", want: "unknown flag: --foo" },
  { line: "-c", want: "unknown shorthand flag: 'c' in -c" },
  { line: "--rev", want: "flag needs an argument: --rev" },
  { line: "-w", want: "flag needs an argument: 'w' in -w" },
  {
    line: "--limit x",
    want: 'invalid argument "x" for "--limit" flag: strconv.ParseInt: parsing "x": invalid syntax',
  },
  {
    line: "--command-timeout 5",
    want: 'invalid argument "5" for "--command-timeout" flag: time: missing unit in duration "5"',
  },
  { line: "--=x", want: "bad flag syntax: --=x" },
];
for (const { line, want } of wrong) {
  test(`complains of ${line}`, () => {
    const values = new FlagValues(allFlags(GET));
    assert.throws(
      () => parseFlags(line.split(" "), values),
      (error: UsageError) => error instanceof UsageError && error.message === want,
    );
  });
}

test("suggests commands that are nearly what was typed", () => {
  assert.deepEqual(suggestionsFor(ETCDCTL, "gte"), ["get"]);
  assert.deepEqual(suggestionsFor(ETCDCTL, "e"), ["get", "del", "endpoint", "elect"]);
  assert.deepEqual(suggestionsFor(ETCDCTL, "nothing-like-it"), []);
});

function pathsBelow(path: CommandPath): CommandPath[] {
  const { commands = [] } = path.at(-1)!;
  return [path, ...commands.flatMap((command) => pathsBelow([...path, command]))];
}

for (const path of pathsBelow([ETCDCTL])) {
  test(`${pathText(path)} has help, and something to do or commands`, () => {
    const text = helpText(path);
    assert.match(text, new RegExp(`Usage:\n  ${pathText(path)}`));
    assert.ok(text.endsWith("(applies to all commands).\n"));
    assert.notEqual(path.at(-1)!.load, path.at(-1)!.commands);
  });
}

test("every command can be loaded", async () => {
  for (const path of pathsBelow([ETCDCTL])) {
    const { load } = path.at(-1)!;
    if (load !== undefined) assert.equal(typeof (await load()).run, "function", pathText(path));
  }
});
