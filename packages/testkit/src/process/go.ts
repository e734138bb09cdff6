/** Builds Go programs of this repository on demand, once per content, into the cache. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { cacheDir, type Found, goCommand } from "../etcd/real-etcd.ts";

/** `args` come behind `go`, with the output path as `-o` behind the first of them; `dir` holds the module. */
export function buildGo(dir: string, args: readonly [verb: string, ...rest: string[]]): Found<string> {
  const go = goCommand();
  if (go === undefined) return { missing: "Go is not installed" };
  const hash = createHash("sha256").update(args.join(" "));
  for (const file of readdirSync(dir).sort()) {
    if (/\.(go|mod|sum)$/.test(file)) hash.update(file).update(readFileSync(path.join(dir, file)));
  }
  const output = path.join(cacheDir, `go-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(output)) return { found: output };
  mkdirSync(cacheDir, { recursive: true });
  const [verb, ...rest] = args;
  const build = spawnSync(go, [verb, "-o", output, ...rest], {
    cwd: dir,
    encoding: "utf8",
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  if (build.status === 0) return { found: output };
  return { missing: `go ${args.join(" ")} failed in ${dir}: ${build.stderr.slice(-2000)}` };
}
