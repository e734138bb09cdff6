/**
 * What etcd's robustness suite is made of, built from etcd's Go modules into the cache: the suite as one program, and etcds
 * with failpoints. Released etcds have none, and a cluster with a member that has none is not tested.
 */
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ETCD_VERSION, type Found, OLD_ETCD_VERSION, realEtcd } from "@quorate/testkit/etcd";
import { etcdWithFailpoints } from "../etcd-tests/etcd-with-failpoints.ts";
import { cached, copyModule, go, TESTS_MODULE, writeModule } from "../etcd-tests/modules.ts";

/**
 * Go files of ours that are put into the suite's folders: they let a seed, and us, choose what the suite draws, and mend what
 * makes it fail with etcd's own members, too.
 */
const ADDITIONS = path.join(import.meta.dirname, "additions");
/** Places in the suite's files that call an addition: each is there once. */
const CALLS_OF_ADDITIONS: readonly { file: string; from: string; to: string }[] = [
  { file: "report/wal.go", from: "bytes.Equal(e1.GetData(), e2.GetData())", to: "sameData(e1, e2)" },
];

export interface RobustnessPrograms {
  /** The suite: a Go test program. */
  readonly suite: string;
  /** Certificates for the links between members. */
  readonly certDir: string;
  readonly etcdctl: string;
  readonly etcdutl: string;
  /** An etcd with failpoints, of the present release and of the one before. */
  readonly etcd: string;
  readonly oldEtcd: string;
}

/** Finds the programs, building those that are not in the cache (about a minute, once). */
export function robustnessPrograms(log: (line: string) => void): Found<RobustnessPrograms> {
  const tools = realEtcd(log);
  if ("missing" in tools) return tools;
  try {
    const suite = cached(`etcd-robustness-${ETCD_VERSION}-${additionsHash()}`, log, buildSuite);
    return {
      found: {
        suite: path.join(suite, "robustness.test"),
        certDir: path.join(suite, "fixtures"),
        etcdctl: tools.found.etcdctl,
        etcdutl: tools.found.etcdutl,
        etcd: etcdWithFailpoints(ETCD_VERSION, log),
        oldEtcd: etcdWithFailpoints(OLD_ETCD_VERSION, log),
      },
    };
  } catch (error) {
    const { message, stderr = "" } = error as Error & { stderr?: string };
    return { missing: `etcd's robustness suite cannot be built: ${message}\n${stderr.slice(-2000)}` };
  }
}

function buildSuite(dir: string): void {
  const copy = path.join(dir, "tests");
  copyModule(dir, TESTS_MODULE, ETCD_VERSION, copy);
  for (const folder of readdirSync(ADDITIONS)) {
    for (const file of readdirSync(path.join(ADDITIONS, folder))) {
      cpSync(
        path.join(ADDITIONS, folder, file),
        path.join(copy, "robustness", folder, `quorate_suite_${file}`),
      );
    }
  }
  for (const { file, from, to } of CALLS_OF_ADDITIONS) {
    const source = readFileSync(path.join(copy, "robustness", file), "utf8");
    if (source.split(from).length !== 2) throw new Error(`${file} of the suite is not what it was: ${from}`);
    writeFileSync(path.join(copy, "robustness", file), source.replace(from, to));
  }
  writeModule(dir, [[TESTS_MODULE, `v${ETCD_VERSION}`]], [TESTS_MODULE, "tests"]);
  go(dir, ["test", "-c", "-trimpath", "-o", "robustness.test", `${TESTS_MODULE}/robustness`]);
  renameSync(path.join(copy, "fixtures"), path.join(dir, "fixtures"));
  rmSync(copy, { recursive: true });
}

function additionsHash(): string {
  const hash = createHash("sha256").update(JSON.stringify(CALLS_OF_ADDITIONS));
  for (const folder of readdirSync(ADDITIONS).sort()) {
    for (const file of readdirSync(path.join(ADDITIONS, folder)).sort()) {
      hash.update(`${folder}/${file}`).update(readFileSync(path.join(ADDITIONS, folder, file)));
    }
  }
  return hash.digest("hex").slice(0, 8);
}
