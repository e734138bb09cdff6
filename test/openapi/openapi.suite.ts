/** schemathesis (PyPI) asks a member for what its own document says that there is: no 500, and answers as the document has them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { cacheDir } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";

const SCHEMATHESIS = "4.32.5";
const FOLDER = path.join(cacheDir, `schemathesis-${SCHEMATHESIS}`);
const PROGRAM = path.join(FOLDER, "bin/st");
/** What ends at once, and leaves the member as able to serve as it was. */
const PATHS = "^/(kv/|v3/kv/(range|put|deleterange|txn)|v3/lease/(grant|leases)|v3/cluster/member/list)";
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
];
const LONGEST_MS = 300_000;
const run = promisify(execFile);

/** Why it cannot be run here; undefined when it can. */
async function install(): Promise<string | undefined> {
  if (existsSync(PROGRAM)) return undefined;
  try {
    await run("python3", ["-m", "venv", FOLDER], { timeout: LONGEST_MS });
    const pip = path.join(FOLDER, "bin/pip");
    await run(pip, ["install", "--quiet", `schemathesis==${SCHEMATHESIS}`], { timeout: LONGEST_MS });
    return undefined;
  } catch (error) {
    return `schemathesis cannot be installed: ${(error as Error).message}`;
  }
}

interface Document {
  readonly paths: { readonly "/kv/{key}": { readonly get: { parameters: { readonly name: string }[] } } };
}

test("a member answers as its document says", async (t) => {
  const reason = await install();
  if (reason !== undefined) return t.skip(reason);
  const server = await Server.start({ command: target().command });
  const folder = mkdtempSync(path.join(tmpdir(), "quorate-openapi-"));
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const url = server.endpoint.replace(/^(?!http)/, "http://");
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  // A watch does not end.
  const { get } = document.paths["/kv/{key}"];
  get.parameters = get.parameters.filter(({ name }) => name !== "watch");
  const file = path.join(folder, "openapi.json");
  writeFileSync(file, JSON.stringify(document));
  const options = ["--max-examples=20", "--phases=fuzzing", "--request-timeout=30", "--no-color"];
  const which = [`--include-path-regex=${PATHS}`, `--checks=${CHECKS.join(",")}`];
  const { stdout, failed } = await run(PROGRAM, ["run", file, "--url", url, ...options, ...which], {
    timeout: LONGEST_MS,
    cwd: folder,
  }).then(
    (done) => ({ stdout: done.stdout, failed: false }),
    (error: { stdout?: string }) => ({ stdout: `${error.stdout ?? ""}\n${error}`, failed: true }),
  );
  assert.equal(failed, false, stdout);
  assert.match(stdout, /[1-9][0-9]* generated, /);
  t.diagnostic(/[0-9]+ generated, .*/.exec(stdout)![0]);
});
