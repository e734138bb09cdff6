/**
 * What people do on a terminal: etcdctl's dialogs, with ours and with Go's where there is one, and what `quorate ctl` shows
 * only there. Behind `--`: `--only TEXT` runs the dialogs whose names have it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { describe, test } from "node:test";
import { parseArgs, promisify } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot, target } from "@quorate/testkit/target";
import { BEYOND, DIALOGS, type Dialog, OF_FILES } from "./dialogs.ts";
import { onTerminal, terminalMaker } from "./terminal.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { only: { type: "string", default: "" } },
});
const START_TIMEOUT_MS = 240_000;
const AT_A_TIME = 2;

const ours = path.join(repositoryRoot, "bin/etcdctl");
const quorate = path.join(repositoryRoot, "bin/quorate");
const python = terminalMaker();
const real = realEtcd();
const PROGRAMS: readonly Program[] = [
  { name: "our etcdctl", command: [ours], dialogs: DIALOGS },
  { name: "quorate ctl", command: [quorate, "ctl"], dialogs: BEYOND },
  { name: "quorate utl", command: [quorate, "utl"], dialogs: OF_FILES },
  {
    name: "Go's etcdctl",
    command: "found" in real ? [real.found.etcdctl] : [],
    dialogs: DIALOGS.filter(({ isOurWay }) => isOurWay !== true),
    ...("missing" in real && { missing: real.missing }),
  },
];

interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly dialogs: readonly Dialog[];
  /** Why it cannot be run. */
  readonly missing?: string;
}

for (const { name, command, dialogs, missing } of PROGRAMS) {
  const skip = "missing" in python ? python.missing : (missing ?? false);
  describe(`${name} on a terminal`, { skip, concurrency: AT_A_TIME }, () => {
    for (const dialog of dialogs.filter((each) => each.name.includes(values.only)))
      test(dialog.name, () => holdDialog(command, dialog));
  });
}

async function holdDialog(command: readonly string[], dialog: Dialog): Promise<void> {
  const { before = [], steps, code, shows, after } = dialog;
  await using server = await Server.start({ command: target().command, startTimeoutMs: START_TIMEOUT_MS });
  const folder = temporaryDir("terminal");
  const filled = (words: readonly string[]) =>
    words.map((word) => word.replace("{endpoint}", server.endpoint).replace("{folder}", folder));
  const args = filled(dialog.args);
  const { PATH, HOME, TMPDIR } = process.env;
  // Nothing of the machine that has to do with colours.
  const env = { PATH, HOME, TMPDIR, TERM: "xterm" };
  const ask = async (words: readonly string[]): Promise<string> => {
    const all = ["--endpoints", server.endpoint, "--command-timeout", "200s", ...filled(words)];
    return (await promisify(execFile)(ours, all, { env })).stdout;
  };
  for (const words of before) await ask(words);
  const endpoint = args.includes("--endpoints") ? {} : { ETCDCTL_ENDPOINTS: server.endpoint };
  const timeout = args.includes("--command-timeout") ? {} : { ETCDCTL_COMMAND_TIMEOUT: "200s" };
  const patient = { ...env, ...endpoint, ...timeout, ETCDCTL_DIAL_TIMEOUT: "200s" };
  const shown = await onTerminal([...command, ...args], patient, steps, async (words) => {
    await ask(words);
  });
  // Go's client logs on the same terminal.
  const text = shown.text.replace(/^\{"level":.*\n/gm, "").replaceAll(folder, "{folder}");
  if (typeof shows === "string") assert.equal(text, shows);
  else assert.match(text, shows);
  assert.deepEqual([shown.code, shown.showsTyping], [code, true]);
  if (after === undefined) return;
  const printed = await ask(after.args);
  if (after.prints === "") assert.equal(printed, "");
  else assert.ok(printed.includes(after.prints), printed);
}
