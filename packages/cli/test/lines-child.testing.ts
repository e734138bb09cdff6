/**
 * Runs command lines of `quorate ctl` one after another in this process. Each is a line of JSON on standard input, with its
 * words and how many milliseconds are waited for it; what came of it is a line of JSON: `code`, its exit code, `thrown`, what
 * nobody has caught, or that it still `waits`.
 */
import readline from "node:readline";
import { execute } from "../src/command-line/execute.ts";
import { Output } from "../src/command-line/output.ts";
import { StandardInput } from "../src/command-line/stdin.ts";
import { QUORATE_CTL } from "../src/ctl/commands.ts";

let onThrown: (error: unknown) => void = () => {};
process.on("uncaughtException", (error) => onThrown(error));

for await (const line of readline.createInterface({ input: process.stdin })) {
  const written = { 1: "", 2: "" };
  const output = new Output(
    (descriptor, bytes) => {
      written[descriptor] += bytes.toString();
    },
    () => false,
  );
  async function* input() {
    yield Buffer.from("\n\n\n");
  }
  const { words, patienceMs } = JSON.parse(line) as { words: string[]; patienceMs: number };
  const { promise, resolve } = Promise.withResolvers<object>();
  onThrown = (error) => resolve({ thrown: error instanceof Error ? error.stack : String(error) });
  const timer = setTimeout(() => resolve({ waits: true }), patienceMs);
  execute(QUORATE_CTL, words, {
    environment: {},
    input: new StandardInput(input),
    output,
  }).then((code) => resolve({ code }), onThrown);
  const result = await promise;
  clearTimeout(timer);
  process.stdout.write(`${JSON.stringify({ ...result, stdout: written[1], stderr: written[2] })}\n`);
}
// Connections are left to the end of the process.
process.exit(0);
