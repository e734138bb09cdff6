import assert from "node:assert/strict";
import test from "node:test";
import { executeEtcdCommand } from "../command-line/etcd-command.ts";
import { Output } from "../command-line/output.ts";
import { StandardInput } from "../command-line/stdin.ts";
import { GATEWAY } from "./commands.ts";

async function runLine(line: string): Promise<{ code: number; out: string; err: string }> {
  const written = ["", "", ""];
  const output = new Output((descriptor, bytes) => {
    written[descriptor] += bytes.toString();
  });
  const input = new StandardInput(() => process.stdin);
  const code = await executeEtcdCommand(GATEWAY, line.split(" "), { environment: {}, input, output });
  return { code, out: written[1]!, err: written[2]! };
}

const refused = [
  { args: "--endpoints=a", out: 'error parsing endpoint "a"' },
  { args: "--endpoints=https://a/x", out: 'error parsing endpoint "a"' },
  { args: "--listen-addr=zz", out: "failed to validate listen address: zz\n" },
  { args: "--listen-addr=:1", out: "failed to resolve listen host: \n" },
  {
    args: "--endpoints=http://127.0.0.1:23790",
    out: "SRV or endpoint (127.0.0.1:23790->127.0.0.1:23790) should not resolve to the gateway listen addr (127.0.0.1:23790)\n",
  },
  { args: "--endpoints=", out: "no endpoints found\n" },
];
for (const { args, out } of refused) {
  test(`gateway start ${args} is refused in etcd's words`, async () => {
    assert.deepEqual(await runLine(`etcd gateway start ${args}`), { code: 1, out, err: "" });
  });
}

for (const line of ["etcd gateway", "etcd gateway bogus", "quorate gateway --help"]) {
  test(`${line} tells of its commands`, async () => {
    const [program] = line.split(" ");
    const { code, out, err } = await runLine(line);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, new RegExp(`^gateway related command\n\nUsage:\n  ${program} gateway \\[command\\]\n`));
    assert.match(out, /\n {2}start +start the gateway\n/);
  });
}

test("gateway start --help tells of its flags, wherever it stands", async () => {
  for (const line of ["etcd gateway start --help", "etcd gateway --endpoints=a:1 start -h"]) {
    const { code, out } = await runLine(line);
    assert.equal(code, 0);
    assert.match(out, /^start the gateway\n\nUsage:\n {2}etcd gateway start \[flags\]\n/);
    assert.match(out, /--retry-delay duration .*\(default 1m0s\)/);
  }
});

test("an unknown flag is complained of, with the usage", async () => {
  const { code, out, err } = await runLine("etcd gateway start --bogus");
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, /^Error: unknown flag: --bogus\nUsage:\n[\s\S]*\nunknown flag: --bogus\n$/);
});
