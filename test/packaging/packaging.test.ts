import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { makeServerConfig, parseFlags } from "@quorate/server";
import { repositoryRoot } from "@quorate/testkit/target";
import { parse } from "yaml";
import { GRPC_PROXY } from "../../packages/cli/src/grpc-proxy/commands.ts";

const folder = mkdtempSync(path.join(tmpdir(), "quorate-packaging-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const read = (file: string) => readFileSync(path.join(repositoryRoot, "packaging", file), "utf8");
const UNITS = ["quorate.service", "quorate-grpc-proxy.service"];
const INSTALLED = "/opt/quorate";

/** What a unit sets so, in its order. */
function settings(unit: string, name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value!);
}

for (const name of UNITS) {
  test(`systemd understands ${name}, and the program that it starts is there`, (t) => {
    const unit = read(`systemd/${name}`);
    const [program] = settings(unit, "ExecStart")[0]!.split(" ");
    assert.ok(program!.startsWith(`${INSTALLED}/bin/`), program);
    assert.deepEqual(settings(unit, "Type"), ["notify"]);
    const here = unit.replaceAll(INSTALLED, repositoryRoot);
    mkdirSync(path.join(folder, "units"), { recursive: true });
    const file = path.join(folder, "units", name);
    writeFileSync(file, here);
    const { status, stderr, error } = spawnSync("systemd-analyze", ["verify", "--man=no", file], {
      encoding: "utf8",
    });
    if (error !== undefined) return t.skip(`systemd-analyze cannot be run: ${error.message}`);
    // Of other units it speaks as well.
    const about = stderr.split("\n").filter((line) => line.includes(name));
    assert.deepEqual([status, about], [0, []], stderr);
  });
}

test("what the member's unit sets is a variable of a member", () => {
  const unit = read("systemd/quorate.service");
  const variables = Object.fromEntries(
    settings(unit, "Environment")
      .map((each) => each.split("=") as [string, string])
      .filter(([name]) => name.startsWith("ETCD_")),
  );
  assert.deepEqual(variables, { ETCD_DATA_DIR: "/var/lib/quorate/data" });
  assert.equal(makeServerConfig(parseFlags([], variables)).dataDir, "/var/lib/quorate/data");
});

test("what the proxy's unit sets are flags of the proxy", () => {
  const [line] = settings(read("systemd/quorate-grpc-proxy.service"), "Environment");
  const given = [...line!.matchAll(/--([\w-]+)/g)].map(([, name]) => name!);
  const [start] = GRPC_PROXY.commands!;
  const known = start!.flags!.map(({ name }) => name);
  assert.deepEqual(given, ["listen-addr", "endpoints"]);
  for (const name of given) assert.ok(known.includes(name), name);
});

test("the container starts a member with flags that there are, and copies nothing that is made here", () => {
  const file = read("container/Containerfile");
  const command = JSON.parse(/^CMD (.*)$/m.exec(file)![1]!) as string[];
  const { listenClientUrls, dataDir } = makeServerConfig(parseFlags(command, {}));
  assert.deepEqual([listenClientUrls, dataDir], [["http://0.0.0.0:2379"], "/var/lib/quorate/data"]);
  assert.deepEqual(read("container/Containerfile.dockerignore").trim().split("\n"), [
    ".cache",
    ".git",
    "node_modules",
  ]);
});

interface Probe {
  readonly httpGet: { readonly host: string; readonly path: string; readonly port: string };
}
interface Container {
  readonly command: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}
interface Pod {
  readonly kind: string;
  readonly spec: {
    readonly containers: readonly Container[];
    readonly volumes: readonly { readonly name: string }[];
  };
}

test("the control plane's member has flags that fit together, its data in a volume, and probes that there are", () => {
  const pod = parse(read("kubernetes/control-plane.yaml")) as Pod;
  assert.equal(pod.kind, "Pod");
  const [container] = pod.spec.containers;
  const [program, ...args] = container!.command;
  assert.equal(program, "etcd");
  const config = makeServerConfig(parseFlags(args, {}));
  assert.equal(config.initialClusterProblem, undefined);
  assert.deepEqual(config.warnings, []);
  const mounts = container!.volumeMounts;
  const isMounted = (file: string) =>
    mounts.some(({ mountPath }) => file === mountPath || file.startsWith(`${mountPath}/`));
  const { clientTls, peerTls } = config;
  for (const file of [
    config.dataDir,
    ...[clientTls!.certFile, clientTls!.keyFile, clientTls!.trustedCaFile],
    ...[peerTls!.certFile, peerTls!.keyFile, peerTls!.trustedCaFile],
  ]) {
    assert.ok(isMounted(file), file);
  }
  assert.deepEqual(mounts.map(({ name }) => name).sort(), pod.spec.volumes.map(({ name }) => name).sort());
  const [metricsUrl] = config.listenMetricsUrls;
  const [port] = container!.ports;
  assert.equal(new URL(metricsUrl!).port, String(port!.containerPort));
  const { startupProbe, livenessProbe, readinessProbe } = container!;
  assert.deepEqual(
    [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet),
    [
      { host: "127.0.0.1", path: "/readyz", port: port!.name },
      { host: "127.0.0.1", path: "/livez", port: port!.name },
      { host: "127.0.0.1", path: "/readyz", port: port!.name },
    ],
  );
});
