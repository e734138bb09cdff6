import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { FAILURES, HTTP_FAILURES, WATCH_REFUSALS } from "../../packages/server/src/errors.ts";
import { findTexts } from "./find-texts.ts";
import { isProduct, ROOT, sourcesIn } from "./modules.ts";

const TABLE = "packages/server/src/errors.ts";
/** Where clients and other members are answered. */
const ANSWERING = ["api", "client-port", "peer-port", "http", "watch"].map(
  (folder) => `packages/server/src/${folder}/`,
);

/** What a text says beside the facts of a case; shorter parts may stand anywhere. */
const parts = [FAILURES, HTTP_FAILURES]
  .flatMap((table) => Object.values<readonly [number, string]>(table).map(([, text]) => text))
  .concat(Object.values(WATCH_REFUSALS))
  .flatMap((text) => text.split("%"))
  .filter((part) => part.trim().length >= 12);

/** How a call or a request is ended with a text, as an argument. */
const TELLING =
  /(?:^|[.#])(fail|respond|answerError|answerErrorInJson|GrpcError|RequestError|endWith|finish|refuse)$/;
/** Files whose texts nobody is told, though they are the same. */
const TOLD_TO_NOBODY: Readonly<Record<string, string>> = {
  "packages/server/src/peer/stream/response-reader.ts":
    "what is wrong with the answers of others, for the log",
};

const sources = sourcesIn("packages/server/src").filter(
  (file) => isProduct(file) && file !== TABLE && !(file in TOLD_TO_NOBODY),
);
const textsOf = (file: string) => findTexts(readFileSync(path.join(ROOT, file), "utf8"));

test("no text of the table stands anywhere else", () => {
  assert.ok(parts.length > 80, `${parts.length}`);
  const found = sources.flatMap((file) =>
    textsOf(file)
      .filter(({ text }) => parts.some((part) => text.includes(part)))
      .map(({ line, text }) => `${file}:${line} ${text}`),
  );
  assert.deepEqual(found, [], `what is told has a code of its own in ${TABLE}`);
});

test("whoever ends a call or a request takes the text from the table", () => {
  const found = sources
    .filter((file) => ANSWERING.some((folder) => file.startsWith(folder)))
    .flatMap((file) =>
      textsOf(file)
        .filter(({ argumentOf, text }) => TELLING.test(argumentOf) && !isCode(text))
        .map(({ line, text }) => `${file}:${line} ${text}`),
    );
  assert.deepEqual(found, [], `give it a code in ${TABLE}`);
});

/** Codes, names of headers and why a call was ended are one word; types of content may have a parameter. */
function isCode(text: string): boolean {
  return /^[\w-]*(\/[\w-]+(; [\w-]+=[\w-]+)?)?$/.test(text);
}

const cases = [
  { source: 'call.fail(3, "no such thing");', want: ["call.fail: no such thing"] },
  {
    source: ["this.#endWith(3, `no $", "{what} here`, 'reset');"].join(""),
    want: ["this.#endWith: no ", "this.#endWith:  here", "this.#endWith: reset"],
  },
  { source: 'throw new GrpcError(Code.INTERNAL, "a " + b);', want: ["GrpcError: a "] },
  { source: 'const TEXT = "alone"; call.fail(...F.X);', want: [": alone"] },
  { source: 'call.fail(codeOf("inner text"));', want: ["codeOf: inner text"] },
];
for (const { source, want } of cases) {
  test(`finds the texts of ${source}`, () => {
    assert.deepEqual(
      findTexts(source).map(({ argumentOf, text }) => `${argumentOf}: ${text}`),
      want,
    );
  });
}
