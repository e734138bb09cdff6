import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cached, copyModule, go, writeModule } from "./modules.ts";

const SERVER_MODULE = "go.etcd.io/etcd/server/v3";
const FAILPOINT_TOOL = "go.etcd.io/gofail";
const FAILPOINT_TOOL_VERSION = "v0.2.0";

/** An etcd of the release `version` with failpoints, which released ones do not have; built if it is not in the cache. */
export function etcdWithFailpoints(version: string, log: (line: string) => void): string {
  const dir = cached(`etcd-failpoints-${version}`, log, (dir) => buildWithFailpoints(dir, version));
  return path.join(dir, "etcd");
}

function buildWithFailpoints(dir: string, version: string): void {
  const copy = path.join(dir, "server");
  copyModule(dir, SERVER_MODULE, version, copy);
  writeModule(
    dir,
    [
      [SERVER_MODULE, `v${version}`],
      [FAILPOINT_TOOL, FAILPOINT_TOOL_VERSION],
    ],
    [SERVER_MODULE, "server"],
  );
  // What the tool adds to the sources imports its runtime, which nothing imports before.
  writeFileSync(
    path.join(dir, "tools.go"),
    `//go:build tools\n\npackage tools\n\nimport _ "${FAILPOINT_TOOL}/runtime"\n`,
  );
  const folders = readdirSync(copy, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".go") && !entry.name.endsWith("_test.go"))
    .filter((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8").includes("// gofail:"))
    .map((entry) => path.relative(dir, entry.parentPath));
  go(dir, ["run", FAILPOINT_TOOL, "enable", ...new Set(folders)]);
  go(dir, ["build", "-trimpath", "-o", "etcd", SERVER_MODULE]);
  rmSync(copy, { recursive: true });
}
