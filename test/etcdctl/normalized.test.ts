import assert from "node:assert/strict";
import { test } from "node:test";
import { normalized } from "./normalized.ts";

test("an ID is the same however many digits it has, in a sentence and by itself", () => {
  const of = (id: string) => {
    const stdout = `Member ${id.padStart(16)} added as learner to cluster dd00e018a32a53ff\n${id}, started\n`;
    return normalized({ line: "", code: 0, stdout, stderr: "" }, { line: "" }, new Map([["learner", id]]))
      .stdout;
  };
  assert.equal(of("0f12ab34cd56ef78"), of("f12ab34cd56ef78"));
  assert.match(of("f12ab34cd56ef78"), /^Member \{learner\} added as .*\n\{learner\}, started\n$/);
});
