/** Which program a command line means, and what each of them is made of. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { buildBundle } from "../src/bundle/build.ts";
import { PROGRAMS, programFor } from "../src/programs/table.ts";

type Name = keyof typeof PROGRAMS;

const root = path.resolve(import.meta.dirname, "../../..");

const commands: readonly { line: string; program: Name }[] = [
  { line: "etcd", program: "member" },
  { line: "etcd --name a", program: "member" },
  { line: "etcd --version", program: "about" },
  { line: "etcd -version", program: "about" },
  { line: "etcd --version --name a", program: "member" },
  { line: "etcd --version=false", program: "member" },
  { line: "etcd --help", program: "member" },
  { line: "etcd version", program: "member" },
  { line: "etcd dev", program: "member" },
  { line: "quorate", program: "member" },
  { line: "quorate --name a", program: "member" },
  { line: "quorate --version", program: "about" },
  { line: "quorate server --version", program: "member" },
  { line: "quorate dev-member", program: "member" },
  { line: "quorate dev --size 1", program: "dev" },
  { line: "quorate version", program: "about" },
  { line: "quorate help", program: "about" },
  { line: "quorate bogus", program: "about" },
  { line: "etcd gateway start --endpoints a:1", program: "gateway" },
  { line: "quorate gateway", program: "gateway" },
  { line: "etcd grpc-proxy start --namespace a", program: "grpcProxy" },
  { line: "quorate grpc-proxy", program: "grpcProxy" },
  { line: "quorate backup run --store a", program: "backup" },
  { line: "quorate restore --store a", program: "backup" },
  { line: "etcd backup", program: "member" },
  { line: "quorate ctl get a", program: "ctl" },
  { line: "etcdctl", program: "ctl" },
  { line: "etcdctl version", program: "ctl" },
  { line: "etcdctl --version", program: "ctl" },
  { line: "quorate utl version", program: "utl" },
  { line: "etcdutl", program: "utl" },
  { line: "etcdutl --version", program: "utl" },
];
for (const { line, program } of commands) {
  test(`${line} is the program ${program}`, () => {
    assert.equal(programFor(line.split(" ")), PROGRAMS[program]);
  });
}

test("an installation makes the bundles of all programs", () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const lines = [...scripts.prepare.matchAll(/bin\/([\w -]+)/g)].map(([, line]) => line.trim().split(" "));
  assert.deepEqual(new Set(lines.map(programFor)), new Set(Object.values(PROGRAMS)));
});

/** Of our sources, below packages/, what a program may be made of: all that begins with one of `of`, but for `not`. */
const madeOf: Readonly<Record<Name, { of: readonly string[]; not: readonly string[] }>> = {
  member: {
    of: ["bbolt/", "cli/", "client/", "server/", "storage/", "raft/", "rpc/", "wire/"],
    not: [
      "bbolt/src/testing/",
      "cli/src/dev/dev-command.ts",
      "cli/src/programs/about.ts",
      "cli/src/ctl/",
      "rpc/src/testing/",
    ],
  },
  dev: { of: ["cli/src/programs/dev.ts", "cli/src/dev/"], not: [] },
  ctl: {
    of: [
      "cli/src/programs/ctl.ts",
      "cli/src/command-line/",
      "cli/src/go-text/",
      "cli/src/ctl/",
      "client/",
      "rpc/",
      "server/src/version.ts",
      "wire/",
    ],
    not: ["rpc/src/server", "rpc/src/testing/", "wire/src/codec.ts", "wire/src/gen/etcdserverpb_pb.js"],
  },
  utl: {
    of: [
      ...["cli/src/programs/utl.ts", "cli/src/utl/", "cli/src/command-line/", "cli/src/ctl/output/"],
      ...["cli/src/go-text/", "cli/src/ctl/commands/completion.ts"],
      ...["cli/src/ctl/terminal/", "cli/src/ctl/values/", "cli/src/ctl/commands/version.ts"],
      ...["bbolt/", "raft/", "storage/", "wire/"],
      ...[
        "server/src/offline.ts",
        "server/src/cluster/",
        "server/src/member/host-resolver.ts",
        "server/src/version.ts",
      ],
      // Why a change of members is refused.
      ...["server/src/errors.ts", "rpc/src/grpc/status.ts"],
    ],
    not: [
      "bbolt/src/testing/",
      "storage/src/backend/",
      "wire/src/codec.ts",
      "wire/src/gen/etcdserverpb_pb.js",
    ],
  },
  backup: {
    of: [
      ...["backup/", "bbolt/", "client/", "raft/", "rpc/", "storage/", "wire/"],
      ...["cli/src/programs/backup.ts", "cli/src/backup/", "cli/src/ctl/", "cli/src/utl/"],
      ...["cli/src/command-line/", "cli/src/go-text/"],
      ...["server/src/offline.ts", "server/src/cluster/", "server/src/member/host-resolver.ts"],
      ...["server/src/version.ts", "server/src/errors.ts", "server/src/system/"],
    ],
    not: [
      "bbolt/src/testing/",
      "cli/src/ctl/commands",
      "cli/src/utl/commands",
      "rpc/src/testing/",
      "storage/src/backend/",
    ],
  },
  gateway: {
    of: [
      ...["cli/src/programs/gateway.ts", "cli/src/gateway/", "cli/src/command-line/", "cli/src/go-text/"],
      ...["client/src/dns/", "server/src/system/"],
    ],
    not: [],
  },
  grpcProxy: {
    of: [
      ...["cli/src/programs/grpc-proxy.ts", "cli/src/grpc-proxy/", "cli/src/gateway/discovered-remotes.ts"],
      ...["cli/src/command-line/", "cli/src/go-text/"],
      ...["client/", "proxy/", "rpc/", "wire/", "storage/src/seams/"],
      ...["server/src/standalone-tls.ts", "server/src/tls/", "server/src/system/", "server/src/config/"],
      ...["server/src/client-port/profiles.ts", "server/src/http/plain-text.ts", "server/src/errors.ts"],
    ],
    not: ["rpc/src/testing/", "wire/src/codec.ts", "wire/src/gen/etcdserverpb_pb.js"],
  },
  about: {
    of: ["cli/src/programs/about.ts", "cli/src/version.ts", "server/src/version.ts"],
    not: [],
  },
};
/** Which programs have anything of packages of others in them, or load it. */
const MADE_WITH_OTHERS: readonly Name[] = ["backup", "member", "utl"];
const ofOthers = /node_modules\/|from "(?!node:)/;

/** Packages outside of its bundle that a program loads at each start: they cost more than what is in it. */
const LOADED_AT_START: { readonly [name in Name]?: readonly string[] } = {
  member: ["@node-rs/crc32"],
  backup: ["@node-rs/crc32", "prom-client"],
  utl: ["@node-rs/crc32"],
};

const folder = mkdtempSync(path.join(tmpdir(), "quorate-programs-"));
after(() => rmSync(folder, { recursive: true, force: true }));
symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));

for (const [name, { entry, bundle }] of Object.entries(PROGRAMS) as [Name, (typeof PROGRAMS)[Name]][]) {
  test(`the program ${name} can be bundled and loaded, and has nothing in it that it does not need`, async () => {
    const source = path.join(root, "packages/cli/src/programs", entry);
    const file = path.join(folder, bundle);
    await buildBundle(root, source, file);
    const { of, not } = madeOf[name];
    const sources = sourcesOf(file);
    assert.ok(sources.includes(path.posix.join("cli/src/programs", entry)), sources.join(" "));
    const begins = (starts: readonly string[]) => (source: string) =>
      starts.some((start) => source.startsWith(start));
    assert.deepEqual(
      sources.filter((source) => !begins(of)(source) || begins(not)(source)),
      [],
    );
    assert.equal(
      ofOthers.test(readFileSync(file, "utf8").replace(/^.*\n/, "")),
      MADE_WITH_OTHERS.includes(name),
    );
    const imported = readFileSync(file, "utf8").matchAll(/^import (?:.* from )?"(?!node:)([^"]+)"/gm);
    assert.deepEqual(
      [...imported].map(([, specifier]) => specifier).sort(),
      [...(LOADED_AT_START[name] ?? [])],
      "a static import of a bundled source is one of the bundle",
    );
    const program = (await import(file)) as { run: unknown };
    assert.equal(typeof program.run, "function");
  });
}

/** Our sources that a bundle is made of, below packages/; what says how bundles are made is in every bundle's manifest. */
function sourcesOf(file: string): string[] {
  const [line] = readFileSync(file, "utf8").split("\n", 1);
  const { inputs } = JSON.parse(line!.slice(line!.indexOf("{"))) as { inputs: [path: string][] };
  return inputs
    .map(([input]) => path.relative(path.join(root, "packages"), input))
    .filter((input) => !input.startsWith("..") && !/^cli\/src\/bundle\/|^[^/]+\/package\.json$/.test(input));
}
