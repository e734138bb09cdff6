/** Runs the examples of `docs/access-and-audit.md`. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { until } from "@quorate/testkit/wait";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { Member } from "./member.ts";

const DOCUMENT = path.resolve(import.meta.dirname, "../../../../docs/access-and-audit.md");

interface Block {
  readonly kind: string;
  readonly lines: readonly string[];
}

function blocksOf(document: string): Block[] {
  return [...document.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind, text]) => ({
    kind: kind!,
    lines: text!.trimEnd().split("\n"),
  }));
}

/** What the examples need of a shell: `curl`, and a field of its answer in a variable. */
class Shell {
  readonly #url: string;
  readonly #variables = new Map<string, string>();

  constructor(url: string) {
    this.#url = url;
  }

  async run(line: string): Promise<Record<string, unknown>> {
    const [, variable, command, field] = /^(\w+)=\$\((.*) \| jq -r \.(\w+)\)$/.exec(line) ?? [];
    const answer = await this.#curl(command ?? line);
    if (variable !== undefined) this.#variables.set(variable, String(answer[field!]));
    return answer;
  }

  async #curl(command: string): Promise<Record<string, unknown>> {
    const words = /^curl -s (?:-H "Authorization: \$(\w+)" )?\$URL(\S+) -d '(.*)'$/.exec(command);
    assert.ok(words !== null, `no such command: ${command}`);
    const [, token, target, body] = words;
    const headers = token === undefined ? {} : { authorization: this.#variables.get(token)! };
    const response = await fetch(this.#url + target, { method: "POST", headers, body: body! });
    return (await response.json()) as Record<string, unknown>;
  }
}

/** Fields of `shown` are as in `found`; others may be there. */
function holds(found: Record<string, unknown>, shown: Record<string, unknown>): void {
  const same = Object.keys(shown).map((name) => [name, found[name]] as const);
  assert.deepEqual(Object.fromEntries(same), shown);
}

test("the examples of the document do what it says", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-access-document-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, "audit.log");
  const flags = [
    `--data-dir=${path.join(directory, "data")}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://127.0.0.1:1",
    "--bcrypt-cost=4",
    "--administrative-roles",
    "--access-questions",
    "--log-denials",
    `--audit-log=${file}`,
    "--audit-log-keys=plain",
  ];
  await using member = await Member.start(makeServerConfig(parseFlags(flags, {})));
  const shell = new Shell(member.clientUrls[0]!);
  const blocks = blocksOf(readFileSync(DOCUMENT, "utf8"));
  assert.ok(blocks.filter(({ kind }) => kind === "sh").length >= 5);
  let answer: Record<string, unknown> = {};
  for (const [i, { kind, lines }] of blocks.entries()) {
    if (kind === "sh") {
      for (const [at, line] of lines.entries()) {
        answer = await shell.run(line);
        const isRefused = blocks[i + 1]?.kind === "json" && at === lines.length - 1;
        assert.ok(isRefused || answer.code === undefined, `${line}: ${JSON.stringify(answer)}`);
      }
    } else if (kind === "json") holds(answer, JSON.parse(lines.join("\n")) as Record<string, unknown>);
    else if (kind === "metrics") {
      const text = await (await fetch(`${member.clientUrls[0]}/metrics`)).text();
      for (const line of lines) assert.ok(text.split("\n").includes(line), line);
    } else {
      assert.equal(kind, "audit");
      const shown = JSON.parse(lines.join("\n")) as Record<string, unknown>;
      const find = () =>
        readFileSync(file, "utf8")
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .find(({ method, user }) => method === shown.method && user === shown.user);
      await until(() => find() !== undefined);
      holds(find()!, shown);
    }
  }
});
