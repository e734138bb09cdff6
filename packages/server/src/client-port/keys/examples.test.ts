import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { startKeys } from "./keys.testing.ts";

const GUIDE = path.resolve(import.meta.dirname, "../../../../../docs/http-for-people.md");
const WRITTEN_URL = "http://localhost:2379";

interface Example {
  readonly command: string;
  /** What follows it. */
  readonly output: string;
}

function examplesIn(text: string): Example[] {
  return [...text.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    block!
      .split(/^\$ /m)
      .slice(1)
      .map((example) => {
        const [command, ...output] = example.trimEnd().split("\n");
        return { command: command!, output: output.join("\n") };
      }),
  );
}

test("finds the examples of a text, each with all that follows it", () => {
  assert.deepEqual(examplesIn("a\n```console\n$ x 1\nout\n\nmore\n$ y\n```\n```sh\n$ z\n```\n"), [
    { command: "x 1", output: "out\n\nmore" },
    { command: "y", output: "" },
  ]);
});

const hasCurl = spawnSync("curl", ["--version"]).error === undefined;
test("the guide's examples do what it says", { skip: hasCurl ? false : "there is no curl" }, async (t) => {
  const { member } = await startKeys(t);
  const examples = examplesIn(readFileSync(GUIDE, "utf8"));
  assert.ok(examples.length > 10);
  for (const { command, output } of examples) {
    const here = command.replace(WRITTEN_URL, member.clientUrls[0]!).replace(/^curl /, "curl -s ");
    assert.notEqual(here, command, "it names the member");
    const { stdout } = await promisify(execFile)("sh", ["-c", here], { timeout: 60_000 });
    assert.equal(stdout.trimEnd(), output, command);
  }
});
