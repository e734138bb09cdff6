/**
 * A real etcd to compare with: `etcd`, `etcdctl` and `etcdutl` of one release, built as ordinary Go modules
 * into a cache folder.
 *
 * `QUORATE_ETCD_DIR` names a folder that already holds the three programs of the default release, `QUORATE_OLD_ETCD_DIR`
 * one with those of the release before; `QUORATE_CACHE_DIR` moves the cache.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { repositoryRoot } from "../repository-root.ts";

export const ETCD_VERSION = "3.7.3";
/** The newest of the release before, which a cluster may have members of at the same time. */
export const OLD_ETCD_VERSION = "3.6.16";

/** Built programs and other things that take long to make; ignored by git. */
export const cacheDir = process.env.QUORATE_CACHE_DIR ?? path.join(repositoryRoot, ".cache");

export interface EtcdPrograms {
  readonly version: string;
  readonly etcd: string;
  readonly etcdctl: string;
  readonly etcdutl: string;
}

export type Found<T> = { readonly found: T } | { readonly missing: string };

const PROGRAMS = ["etcd", "etcdctl", "etcdutl"] as const;
const MODULES = { etcd: "server", etcdctl: "etcdctl", etcdutl: "etcdutl" } as const;

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first executable of that name in PATH. */
export function which(program: string): string | undefined {
  for (const dir of (process.env.PATH ?? "").split(path.delimiter)) {
    if (dir !== "" && executable(path.join(dir, program))) return path.join(dir, program);
  }
  return undefined;
}

/** The Go command, also where it is installed but not in PATH. */
export function goCommand(): string | undefined {
  return which("go") ?? (executable("/usr/local/go/bin/go") ? "/usr/local/go/bin/go" : undefined);
}

function programsIn(dir: string, version: string): EtcdPrograms | undefined {
  if (!PROGRAMS.every((program) => executable(path.join(dir, program)))) return undefined;
  return {
    version,
    etcd: path.join(dir, "etcd"),
    etcdctl: path.join(dir, "etcdctl"),
    etcdutl: path.join(dir, "etcdutl"),
  };
}

/** The variables that name folders with programs that are already built. */
const GIVEN: Readonly<Record<string, string>> = {
  [ETCD_VERSION]: "QUORATE_ETCD_DIR",
  [OLD_ETCD_VERSION]: "QUORATE_OLD_ETCD_DIR",
};

/** Finds the programs of a release, building them when they are not in the cache (about a minute, once). */
export function realEtcd(
  log: (line: string) => void = () => {},
  version: string = ETCD_VERSION,
): Found<EtcdPrograms> {
  const variable = GIVEN[version];
  const given = variable === undefined ? undefined : process.env[variable];
  if (given !== undefined && given !== "") {
    const programs = programsIn(given, version);
    return programs === undefined
      ? { missing: `${variable}=${given} does not hold etcd, etcdctl and etcdutl` }
      : { found: programs };
  }
  const dir = path.join(cacheDir, `etcd-${version}`);
  const cached = programsIn(dir, version);
  if (cached !== undefined) return { found: cached };
  const go = goCommand();
  if (go === undefined) return { missing: "Go is not installed, so a real etcd cannot be built" };
  return build(go, dir, version, log);
}

function build(go: string, dir: string, version: string, log: (line: string) => void): Found<EtcdPrograms> {
  // Built aside and renamed, so that a build that was cut short never looks complete.
  const workDir = `${dir}.building-${process.pid}`;
  mkdirSync(workDir, { recursive: true });
  log(`building etcd ${version} from its Go modules into ${dir}`);
  const requirements = ["server", "etcdctl", "etcdutl", "client"].map(
    (module) => `\tgo.etcd.io/etcd/${module}/v3 v${version}\n`,
  );
  writeFileSync(
    path.join(workDir, "go.mod"),
    `module etcdbuild\n\ngo 1.26.0\n\nrequire (\n${requirements.join("")})\n`,
  );
  writeFileSync(
    path.join(workDir, "tools.go"),
    `//go:build tools\n\npackage tools\n\nimport (\n${Object.values(MODULES)
      .map((module) => `\t_ "go.etcd.io/etcd/${module}/v3"\n`)
      .join("")})\n`,
  );
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" };
  try {
    for (const program of PROGRAMS) {
      execFileSync(go, ["build", "-trimpath", "-o", program, `go.etcd.io/etcd/${MODULES[program]}/v3`], {
        cwd: workDir,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      log(`built ${program}`);
    }
    rmSync(dir, { recursive: true, force: true });
    renameSync(workDir, dir);
  } catch (error) {
    rmSync(workDir, { recursive: true, force: true });
    const text = error instanceof Error ? error.message : String(error);
    return { missing: `building etcd ${version} failed: ${text.slice(-2000)}` };
  }
  const programs = programsIn(dir, version);
  return programs === undefined ? { missing: `nothing was built in ${dir}` } : { found: programs };
}

/** Debian's `etcd` (3.4), for comparisons on machines without Go. */
export function debianEtcd(): Found<string> {
  const file = which("etcd");
  return file === undefined
    ? { missing: "no `etcd` in PATH (Debian: apt-get install etcd-server)" }
    : { found: file };
}

/** Debian's `etcdctl` (3.4), an old client that must keep working. */
export function debianEtcdctl(): Found<string> {
  const file = existsSync("/usr/bin/etcdctl") ? "/usr/bin/etcdctl" : which("etcdctl");
  if (file === undefined) return { missing: "no `etcdctl` in PATH (Debian: apt-get install etcd-client)" };
  const version = spawnSync(file, ["version"], {
    env: { ...process.env, ETCDCTL_API: "3" },
    encoding: "utf8",
  });
  return version.status === 0 ? { found: file } : { missing: `${file} does not run: ${version.stderr}` };
}
