import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { describeConfig } from "./describe-config.ts";

const cases = [
  { args: [], field: "local-address", want: "" },
  {
    args: ["--feature-gates=SetMemberLocalAddr=true", "--initial-advertise-peer-urls=http://10.0.0.1:2380"],
    field: "local-address",
    want: "10.0.0.1",
  },
  { args: ["--v2-deprecation=gone"], field: "v2-deprecation", want: "write-only" },
  { args: ["--feature-gates=InitialCorruptCheck=true"], field: "initial-corrupt-check", want: true },
  { args: ["--election-timeout=1500"], field: "election-timeout", want: "1500ms" },
  { args: ["--snapshot-catchup-entries=7"], field: "snapshot-catchup-entries", want: 7 },
];
for (const { args, field, want } of cases) {
  test(`at its start a member with "${args.join(" ")}" logs ${field} ${want}`, () => {
    assert.equal(describeConfig(makeServerConfig(parseFlags(args, {})))[field], want);
  });
}
