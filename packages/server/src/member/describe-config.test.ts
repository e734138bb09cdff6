import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { describeConfig } from "./describe-config.ts";

const ALL_BETA_OFF = "AllBeta=false,FastLeaseKeepAlive=false,TxnModeWriteWithSharedBuffer=false";

const cases = [
  { args: [], field: "local-address", want: "" },
  {
    args: ["--feature-gates=SetMemberLocalAddr=true", "--initial-advertise-peer-urls=http://10.0.0.1:2380"],
    field: "local-address",
    want: "10.0.0.1",
  },
  { args: ["--v2-deprecation=gone"], field: "v2-deprecation", want: "write-only" },
  { args: ["--feature-gates=InitialCorruptCheck=true"], field: "initial-corrupt-check", want: true },
  { args: ["--election-timeout=1500"], field: "election-timeout", want: "1.5s" },
  { args: ["--quota-backend-bytes=-1"], field: "quota-backend-bytes", want: -1 },
  { args: [], field: "quota-backend-bytes", want: 2 ** 31 },
  { args: ["--auto-compaction-retention=8"], field: "auto-compaction-retention", want: "8h0m0s" },
  { args: ["--feature-gates=AllBeta=false"], field: "feature-gates", want: ALL_BETA_OFF },
  { args: ["--snapshot-catchup-entries=7"], field: "snapshot-catchup-entries", want: 7 },
];
for (const { args, field, want } of cases) {
  test(`at its start a member with "${args.join(" ")}" logs ${field} ${want}`, () => {
    assert.equal(describeConfig(makeServerConfig(parseFlags(args, {})))[field], want);
  });
}
