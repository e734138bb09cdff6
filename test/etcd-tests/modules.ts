/** Builds programs from etcd's Go modules into the cache, and lays them out as etcd's own tests look for them. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cacheDir, goCommand } from "@quorate/testkit/etcd";

export const TESTS_MODULE = "go.etcd.io/etcd/tests/v3";

/**
 * The folder `name` of the cache, which `build` fills if it is not there. Built aside and renamed, so that a build that was
 * cut short never looks complete.
 */
export function cached(name: string, log: (line: string) => void, build: (dir: string) => void): string {
  const dir = path.join(cacheDir, name);
  if (existsSync(dir)) return dir;
  log(`building ${name} from Go modules into ${cacheDir}`);
  const workDir = `${dir}.building-${process.pid}`;
  mkdirSync(workDir, { recursive: true });
  try {
    build(workDir);
    renameSync(workDir, dir);
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
  return dir;
}

/** Copies a module out of Go's cache, where nothing can be changed. */
export function copyModule(dir: string, module: string, version: string, copy: string): void {
  const found = go(dir, ["mod", "download", "-json", `${module}@v${version}`]);
  execFileSync("cp", ["-R", (JSON.parse(found) as { Dir: string }).Dir, copy]);
  execFileSync("chmod", ["-R", "u+w", copy]);
}

/** Writes the `go.mod` of a program in `dir` that uses `requirements`, one of which is a changed copy in `folder`. */
export function writeModule(
  dir: string,
  requirements: readonly (readonly [module: string, version: string])[],
  [replaced, folder]: readonly [module: string, folder: string],
): void {
  const lines = requirements.map(([module, version]) => `require ${module} ${version}\n`).join("");
  writeFileSync(
    path.join(dir, "go.mod"),
    `module etcd-tests\n\ngo 1.26.0\n\n${lines}\nreplace ${replaced} => ./${folder}\n`,
  );
}

/** Runs Go and returns what it printed. Throws, with `stderr`, when it fails. */
export function go(cwd: string, args: readonly string[]): string {
  const command = goCommand();
  if (command === undefined) throw new Error("Go is not installed");
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" };
  return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What etcd's tests run besides the server. */
export interface OtherPrograms {
  readonly etcdctl: string;
  readonly etcdutl: string;
  /** An etcd of the release before. */
  readonly oldEtcd: string | undefined;
}

/**
 * Lays out a folder of programs as the suite looks for it. `server` is the command that is tested. With `oldEtcd`
 * some of the clusters are mixed.
 */
export function layOutPrograms(
  dir: string,
  server: readonly string[],
  { etcdctl, etcdutl, oldEtcd }: OtherPrograms,
): void {
  mkdirSync(dir, { recursive: true });
  const command = server.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  writeFileSync(path.join(dir, "etcd"), `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(path.join(dir, "etcd"), 0o755);
  symlinkSync(etcdctl, path.join(dir, "etcdctl"));
  symlinkSync(etcdutl, path.join(dir, "etcdutl"));
  if (oldEtcd !== undefined) symlinkSync(oldEtcd, path.join(dir, "etcd-last-release"));
}
