/**
 * What etcdctl does with whole clusters, of one member and of three, over TLS with certificates on both sides, for a user with a
 * password. Go's etcdctl does the same on the way. Behind `--`: `--perf` adds `check perf`, which takes a minute.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { parseArgs } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { killAtExit, Server, temporaryDir } from "@quorate/testkit/process";
import { repositoryRoot, target } from "@quorate/testkit/target";
import { until } from "@quorate/testkit/wait";
import { makeCertificate, type TestCertificate } from "../../packages/server/src/tls/testing.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { perf: { type: "boolean", default: false } },
});
const LONGEST_MS = 240_000;
const folder = temporaryDir("clusters");
const real = realEtcd();
const PROGRAMS = [
  {
    name: "our etcdctl",
    program: path.join(repositoryRoot, "bin/etcdctl"),
    missing: false,
    noDatascale: false,
  },
  {
    name: "Go's etcdctl",
    program: "found" in real ? real.found.etcdctl : "",
    missing: "missing" in real ? real.missing : false,
    noDatascale: "Go's knows only the system's authorities when it asks for metrics",
  },
] as const;

const authority = makeCertificate({ commonName: "authority", isCa: true });
const CA = written("ca.pem", authority.certPem);
const MEMBER = identity("member", { names: ["127.0.0.1", "localhost"] });
const PERSON = identity("person", {});

function identity(name: string, options: { readonly names?: readonly string[] }) {
  const certificate: TestCertificate = makeCertificate({ commonName: name, issuer: authority, ...options });
  return {
    cert: written(`${name}.pem`, certificate.certPem),
    key: written(`${name}.key`, certificate.keyPem),
  };
}

function written(name: string, content: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

/** Members with TLS on both of their ports. */
async function startCluster(size: number): Promise<Server[]> {
  const ofAll: string[] = [];
  const members = await Promise.all(
    Array.from({ length: size }, (_, i) =>
      Server.create({
        command: target().command,
        name: `m${i + 1}`,
        args: ofAll,
        clientScheme: "https",
        startTimeoutMs: LONGEST_MS,
      }),
    ),
  );
  const urls = members.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`);
  ofAll.push("--initial-cluster", urls.join(","));
  ofAll.push("--cert-file", MEMBER.cert, "--key-file", MEMBER.key, "--trusted-ca-file", CA);
  ofAll.push("--client-cert-auth");
  await Promise.all(members.map((member) => member.start()));
  return members;
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is typed into a line that goes on, and when it is interrupted: what it has printed by then decides, or something else. */
interface Stay {
  readonly until: (stdout: string) => boolean;
  readonly typed?: string;
}

/** An etcdctl with what every command is given. */
class Etcdctl {
  readonly #program: string;
  readonly #shared: readonly string[];

  constructor(program: string, shared: readonly string[]) {
    this.#program = program;
    this.#shared = shared;
  }

  async run(args: readonly string[], stay?: Stay): Promise<Result> {
    const { PATH, HOME } = process.env;
    const child = spawn(this.#program, [...this.#shared, ...args], { env: { PATH, HOME }, stdio: "pipe" });
    killAtExit(child);
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].on("data", (chunk: Buffer) => {
        text[name] += chunk.toString();
      });
    const closed = codeOf(child);
    if (stay?.typed === undefined) child.stdin.end();
    else child.stdin.write(stay.typed);
    if (stay !== undefined) {
      await until(() => stay.until(text.stdout) || child.exitCode !== null, LONGEST_MS);
      child.kill("SIGINT");
    }
    return { code: await closed, ...text };
  }

  /** What it prints; fails when it ends otherwise than well. */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}${stdout}`);
    return stdout;
  }
}

function codeOf(child: ChildProcess): Promise<number | null> {
  const timer = setTimeout(() => child.kill("SIGKILL"), LONGEST_MS);
  return new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => clearTimeout(timer));
}

/** In what is told of a member: it leads, and is no learner. */
const LEADS = /, true, false, /;
const lines = (text: string) => text.trimEnd().split("\n");

for (const { name, program, missing, noDatascale } of PROGRAMS)
  for (const size of [1, 3])
    describe(`${name} with ${size === 1 ? "one member" : "three members"}`, { skip: missing }, () => {
      let members: Server[] = [];
      let other: Server;
      let ctl: Etcdctl;
      let endpoints: string[];
      const tls = ["--cacert", CA, "--cert", PERSON.cert, "--key", PERSON.key];
      const patience = ["--dial-timeout", "150s", "--command-timeout", "150s"];
      const as = (user: string, at = endpoints) =>
        new Etcdctl(program, ["--endpoints", at.join(","), ...tls, ...patience, "--user", user]);

      before(async () => {
        [members, other] = await Promise.all([
          startCluster(size),
          Server.start({ command: target().command, startTimeoutMs: LONGEST_MS }),
        ]);
        endpoints = members.map(({ endpoint }) => `https://${endpoint}`);
        const nobody = new Etcdctl(program, ["--endpoints", endpoints.join(","), ...tls, ...patience]);
        await nobody.ok("user", "add", "root:secret");
        await nobody.ok("user", "add", "reader:secret");
        await nobody.ok("user", "grant-role", "root", "root");
        await nobody.ok("role", "add", "reading");
        await nobody.ok("role", "grant-permission", "reading", "read", "a/", "--prefix");
        await nobody.ok("user", "grant-role", "reader", "reading");
        await nobody.ok("auth", "enable");
        ctl = as("root:secret");
        for (const key of ["a/1", "a/2", "b/1"]) await ctl.ok("put", key, `value of ${key}`);
      });
      after(async () => {
        for (const member of [...members, other]) await member?.kill();
      });

      test("a user does what roles allow, and nobody anything without a certificate", async () => {
        const reader = as("reader:secret");
        assert.equal(await reader.ok("get", "a/1"), "a/1\nvalue of a/1\n");
        const refused = await reader.run(["put", "a/1", "x"]);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /^Error: etcdserver: permission denied\n$/m);
        const stranger = new Etcdctl(program, [
          ...["--endpoints", endpoints.join(","), "--cacert", CA],
          ...["--dial-timeout", "500ms", "--command-timeout", "500ms"],
        ]);
        const { code, stderr } = await stranger.run(["get", "a/1"]);
        assert.equal(code, 1);
        assert.match(stderr, /Error: context deadline exceeded\n$/);
      });

      test("endpoint --cluster asks every member", async () => {
        const one = as("root:secret", endpoints.slice(0, 1));
        const healthy = lines(await one.ok("endpoint", "health", "--cluster"));
        assert.deepEqual(
          healthy.map((line) => line.replace(/ is healthy: .*/, "")).sort(),
          endpoints.toSorted(),
        );
        const status = JSON.parse(await one.ok("endpoint", "status", "--cluster", "-w", "json"));
        assert.equal(status.length, size);
        const hashes = lines(await one.ok("endpoint", "hashkv", "--cluster"));
        assert.deepEqual(
          [hashes.length, new Set(hashes.map((line) => line.split(", ")[1])).size],
          [size, 1],
          "all hold the same",
        );
      });

      test("defrag --cluster defragments every member", async () => {
        const told = lines(await ctl.ok("defrag", "--cluster"));
        const finished = told.map((line) => /^Finished defragmenting etcd member\[(.*?)\]/.exec(line)?.[1]);
        assert.deepEqual(finished.sort(), endpoints.toSorted());
      });

      test("a snapshot is saved", async () => {
        const file = path.join(folder, `${name.replace(/\W/g, "")}-${size}.db`);
        const told = await as("root:secret", endpoints.slice(0, 1)).ok("snapshot", "save", file);
        assert.match(told, /^Snapshot saved at .*\nServer version 3\.7\.0\n$/);
      });

      test("leadership is moved", async (t) => {
        if (size === 1) return t.skip("nobody else could lead");
        const told = lines(await ctl.ok("endpoint", "status"));
        const ids = told.map((line) => line.split(", ")[1]!);
        const leaderAt = told.findIndex((line) => LEADS.test(line));
        const follower = ids.find((_, i) => i !== leaderAt)!;
        assert.equal(
          await ctl.ok("move-leader", follower),
          `Leadership transferred from ${ids[leaderAt]} to ${follower}\n`,
        );
        const now = lines(await ctl.ok("endpoint", "status"));
        assert.match(now[ids.indexOf(follower)]!, LEADS);
      });

      test("a downgrade is validated", async () =>
        assert.equal(
          await ctl.ok("downgrade", "validate", "3.6"),
          "Downgrade validate success, cluster version 3.7\n",
        ));

      test("a lock is held while a command runs", async () => {
        const told = await ctl.ok("lock", "door", "--", "sh", "-c", "echo held $ETCD_LOCK_KEY");
        assert.match(told, /^held door\/[0-9a-f]+\n$/);
        assert.equal(await ctl.ok("get", "door/", "--prefix"), "");
      });

      test("who is elected resigns", async () => {
        const { code, stdout } = await ctl.run(["elect", "office", "me"], {
          until: (shown) => /me\n/.test(shown),
        });
        assert.equal(code, 0);
        assert.match(stdout, /^office\/[0-9a-f]+\nme\n/);
        assert.equal(await ctl.ok("get", "office/", "--prefix"), "");
      });

      test("watch -i watches what is typed", async () => {
        const { stdout } = await ctl.run(["watch", "-i"], {
          typed: "watch a/ --prefix --rev 1\n",
          until: (shown) => shown.includes("value of a/2\n"),
        });
        assert.equal(stdout, "PUT\na/1\nvalue of a/1\nPUT\na/2\nvalue of a/2\n");
      });

      test("make-mirror copies keys to another cluster", async () => {
        const there = new Etcdctl(program, ["--endpoints", other.endpoint, ...patience]);
        let copied = false;
        const mirroring = ctl.run(["make-mirror", "--prefix", "a/", "--dest-prefix", "c/", other.endpoint], {
          until: () => copied,
        });
        try {
          await until(async () => (await there.ok("get", "c/2")) !== "", LONGEST_MS);
          await ctl.ok("put", "a/3", "later");
          await until(async () => (await there.ok("get", "c/3")) !== "", LONGEST_MS);
        } finally {
          copied = true;
          await mirroring;
        }
        assert.equal(
          await there.ok("get", "c/", "--prefix"),
          "c/1\nvalue of a/1\nc/2\nvalue of a/2\nc/3\nlater\n",
        );
      });

      test("check datascale stores its keys and removes them", { skip: noDatascale }, async () => {
        const { stdout } = await ctl.run(["check", "datascale", "--auto-compact", "--auto-defrag"]);
        assert.match(
          stdout,
          /^Start data scale check for work load \[10000 key-value pairs, 1024 bytes per key-value, 50 concurrent clients\]\.\n/,
        );
        assert.equal(await ctl.ok("get", "/etcdctl-check-datascale/", "--prefix", "--keys-only"), "");
      });

      test("check perf says how fast it is", {
        skip: values.perf ? false : "takes a minute: --perf",
      }, async () => {
        const { code, stdout } = await ctl.run(["check", "perf"]);
        assert.match(stdout, /\n?(PASS|FAIL)\n$/);
        assert.equal(code, stdout.endsWith("PASS\n") ? 0 : 1);
      });
    });
