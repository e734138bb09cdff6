/**
 * What a real etcd and ours make of the same command lines, variables and configuration files: the words and the exit code with
 * which they refuse them, and the settings with which they start.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { ConfigError, makeServerConfig, parseFlags, readConfigFile } from "@quorate/server";
import { realEtcd } from "@quorate/testkit/etcd";
import { MISTAKES, type Mistake } from "./mistakes.ts";
import { STARTS } from "./starts.ts";

const etcd = realEtcd();
const skip = "missing" in etcd && etcd.missing;
const ours = path.resolve(import.meta.dirname, "../../bin/etcd");
const root = mkdtempSync(path.join(tmpdir(), "quorate-configuration-"));
after(() => rmSync(root, { recursive: true, force: true }));

const PATIENCE_MS = 20_000;

interface Outcome {
  readonly code: number | null;
  readonly text: string;
}

for (const [number, mistake] of MISTAKES.entries()) {
  const { args = [], env = {}, file, textStart } = mistake;
  const name = [...args, ...Object.entries(env).map(([key, value]) => `${key}=${value}`), file ?? ""].join(
    " ",
  );
  test(`${number}: ${JSON.stringify(name)} is refused as by etcd`, { skip }, async () => {
    assert.ok("found" in etcd);
    const line = fileNamed(mistake, number);
    const theirs = etcdOutcome(etcd.found.etcd, line, env);
    const own = await ourOutcome(line, env);
    assert.equal(own.code, theirs.code, `etcd: ${theirs.text}, ours: ${own.text}`);
    if (textStart === undefined) assert.equal(own.text, theirs.text);
    else {
      assert.ok(theirs.text.includes(textStart), theirs.text);
      assert.ok(own.text.startsWith(textStart), own.text);
    }
  });
}

/** The arguments, with those that name the file. */
function fileNamed({ args = [], file }: Mistake, number: number): string[] {
  if (file === undefined) return [...args];
  const name = path.join(root, `${number}.yaml`);
  writeFileSync(name, file);
  return [...args, `--config-file=${name}`];
}

function etcdOutcome(program: string, args: readonly string[], env: Record<string, string>): Outcome {
  const { status, stderr } = spawnSync(program, args, {
    cwd: root,
    env,
    encoding: "utf8",
    timeout: PATIENCE_MS,
  });
  return { code: status, text: textOf(stderr) };
}

/** What etcd complains of: the first line that is none of its log, or the last one of its log that has an error. */
function textOf(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line !== "");
  const plain = lines.find((line) => !line.startsWith("{"));
  if (plain !== undefined) return plain;
  const records = lines.map((line) => JSON.parse(line) as Record<string, string>);
  const told = records.filter(({ level }) => level === "fatal" || level === "warn");
  const { error, msg } =
    told.findLast((record) => record.error !== undefined || record.level === "fatal") ?? {};
  return error ?? msg ?? "";
}

async function ourOutcome(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
  try {
    const parsed = parseFlags(args, env);
    const config = makeServerConfig(parsed.file === undefined ? parsed : await readConfigFile(parsed.file));
    const { createLogger } = await import("@quorate/server");
    const { logLevel: level, logFormat: format, logOutputs: outputs } = config;
    if (outputs.some((output) => output.startsWith("/no/"))) createLogger({ level, format, outputs });
  } catch (error) {
    const { message, exitCode = 1 } = error as Error & Partial<ConfigError>;
    return { code: exitCode, text: message };
  }
  return { code: 0, text: "it would start" };
}

for (const [number, start] of STARTS.entries()) {
  test(`${JSON.stringify(start)} makes the same settings as etcd's`, { skip }, async () => {
    assert.ok("found" in etcd);
    const theirs = await settings(etcd.found.etcd, start, `etcd-${number}`);
    const own = await settings(ours, start, `ours-${number}`);
    const shared = Object.keys(theirs).filter((name) => !NOT_SETTINGS.has(name));
    const of = (record: Record<string, unknown>) =>
      Object.fromEntries(shared.map((name) => [name, record[name]]));
    assert.deepEqual(of(own), of(theirs));
  });
}

/** About the program, the moment, and folders, which differ. */
const NOT_SETTINGS = new Set([
  ...["level", "ts", "caller", "msg", "etcd-version", "git-sha", "go-version", "go-os", "go-arch"],
  ...["max-cpu-set", "max-cpu-available", "member-initialized", "data-dir", "wal-dir", "wal-dir-dedicated"],
  "member-dir",
  // etcd says false, also where the feature gate has it on.
  "initial-corrupt-check",
]);

/** What a member tells of its settings when it starts; it is killed then. */
async function settings(
  program: string,
  { args = [], env = {}, file }: (typeof STARTS)[number],
  name: string,
): Promise<Record<string, unknown>> {
  const dataDir = path.join(root, name);
  const urls = ["listen-client", "advertise-client", "listen-peer"].map((flag) => `${flag}-urls`);
  const given =
    file === undefined
      ? [...args, `--data-dir=${dataDir}`, ...urls.map((flag) => `--${flag}=http://127.0.0.1:0`)]
      : [`--config-file=${inFile(file, dataDir, urls, name)}`];
  const child = spawn(program, given, {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  const found = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once("close", () => reject(new Error(output)));
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const line = output.split("\n").find((each) => each.includes('"msg":"starting an etcd server"'));
      if (line?.endsWith("}") === true) resolve(JSON.parse(line) as Record<string, unknown>);
    });
  }).finally(() => child.kill("SIGKILL"));
  return found;
}

function inFile(text: string, dataDir: string, urls: readonly string[], name: string): string {
  const more: [string, string][] = [
    ["data-dir", dataDir],
    ...urls.map((key): [string, string] => [key, "http://127.0.0.1:0"]),
  ];
  const file = path.join(root, `${name}.yaml`);
  writeFileSync(
    file,
    text.startsWith("{")
      ? JSON.stringify({ ...(JSON.parse(text) as object), ...Object.fromEntries(more) })
      : `${text}${more.map(([key, value]) => `${key}: ${value}\n`).join("")}`,
  );
  return file;
}

test("what is refused is refused by a ConfigError", { skip }, () => {
  assert.throws(() => parseFlags(["--bogus"], {}), ConfigError);
});
