/** The Go program of `test/interop/go` on etcd's own client: each of its tests becomes one here. */
import { spawn } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { buildGo } from "@quorate/testkit/go";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";

const built = buildGo(path.join(import.meta.dirname, "go"), ["test", "-c"]);

interface Outcome {
  readonly name: string;
  readonly verdict: "PASS" | "FAIL" | "SKIP";
  readonly output: string;
}

/** Runs the test binary and splits its verbose output at the verdict lines. */
async function runGoTests(binary: string, endpoint: string): Promise<Outcome[]> {
  const child = spawn(binary, ["-test.v", "-test.timeout=300s"], {
    cwd: path.join(import.meta.dirname, "go"),
    env: { ...process.env, ENDPOINT: endpoint },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const collect = (chunk: Buffer): void => {
    text += chunk.toString("utf8");
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const outcomes: Outcome[] = [];
  let output = "";
  for (const line of text.split("\n")) {
    const verdict = /^--- (PASS|FAIL|SKIP): (\S+)/.exec(line);
    if (verdict === null) {
      output += `${line}\n`;
      continue;
    }
    outcomes.push({ verdict: verdict[1] as Outcome["verdict"], name: verdict[2]!, output });
    output = "";
  }
  // A panic or a timeout ends the program without a verdict for the test that was running.
  if (code !== 0 && outcomes.every(({ verdict }) => verdict !== "FAIL")) {
    outcomes.push({ verdict: "FAIL", name: `the program ended with ${code}`, output: output.slice(-8000) });
  }
  return outcomes;
}

/** `TestPutReturnsRevisions` as words. */
function sentence(name: string): string {
  return name
    .replace(/^Test/, "")
    .replaceAll(/([A-Z])/g, " $1")
    .trim()
    .toLowerCase();
}

test("a Go program on clientv3 3.7", { skip: "missing" in built ? built.missing : false }, async (t) => {
  if ("missing" in built) return;
  await using server = await Server.start({ command: target().command });
  const outcomes = await runGoTests(built.found, server.endpoint);
  for (const { name, verdict, output } of outcomes) {
    await t.test(sentence(name), { skip: verdict === "SKIP" ? output.trim() : false }, () => {
      if (verdict === "FAIL") throw new Error(output);
    });
  }
  if (outcomes.length === 0) throw new Error("the Go program ran no test");
});
