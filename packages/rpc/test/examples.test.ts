/** The examples of README.md, a door each: they are shown as they are, and do what they say. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { Code, GrpcError } from "@quorate/rpc/status";
import { explainFailure } from "./examples/explain-failure.ts";
import { echoInMemory } from "./examples/in-memory.ts";
import { sayHello } from "./examples/say-hello.ts";
import { serveGreeter } from "./examples/serve-greeter.ts";

const packageFolder = path.resolve(import.meta.dirname, "..");
const read = (name: string) => readFileSync(path.join(packageFolder, name), "utf8");

test("README.md shows every example as it is", () => {
  const shown = [...read("README.md").matchAll(/^```ts\n\/\/ (.*)\n([\s\S]*?)^```$/gm)];
  const examples = readdirSync(path.join(packageFolder, "test/examples")).map(
    (name) => `test/examples/${name}`,
  );
  assert.deepEqual(shown.map(([, name]) => name!).sort(), examples.sort());
  for (const [, name, text] of shown) assert.equal(text, read(name!), name);
});

test("every door has an example that goes through it, and its name in README.md", () => {
  const { exports } = JSON.parse(read("package.json")) as { exports: Record<string, string> };
  const examples = readdirSync(path.join(packageFolder, "test/examples"))
    .map((name) => read(`test/examples/${name}`))
    .join("");
  const missing = Object.keys(exports)
    .map((key) => path.posix.join("@quorate/rpc", key))
    .filter((door) => !examples.includes(`from "${door}"`) || !read("README.md").includes(`| \`${door}\` |`));
  assert.deepEqual(missing, []);
});

const greeter = await serveGreeter();
after(() => greeter.stop());
const { address } = greeter;
const greeterAddress = typeof address === "string" ? address : `${address.address}:${address.port}`;

test("the greeter greets, and chats", async () => {
  assert.deepEqual(await sayHello(greeterAddress, "good morning"), ["good morning", "good", "morning"]);
});

test("a failure is explained by its code", async () => {
  await assert.rejects(sayHello(greeterAddress, ""), (error) => {
    assert.equal(explainFailure(error), "InvalidArgument: who is there?");
    return true;
  });
  const gone = new GrpcError(Code.UNAVAILABLE, "connection closed");
  assert.equal(explainFailure(gone), "the server cannot be reached; try again later");
  assert.equal(explainFailure(new RangeError("too long")), "RangeError: too long");
});

test("octets that arrive one at a time are a call, too", async () => {
  assert.deepEqual(await echoInMemory(new Uint8Array([1, 2, 3]), 1), new Uint8Array([1, 2, 3]));
});
