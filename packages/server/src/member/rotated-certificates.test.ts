import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { until } from "@quorate/testkit/wait";
import { WebSocket } from "ws";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { makeCertificate, makeRevocationList, type TestCertificate } from "../tls/testing.ts";
import { Member } from "./member.ts";
import { get, put } from "./testing.ts";

/** A CA, and what it has signed for a member and for a client. */
function makeGeneration(name: string) {
  const ca = makeCertificate({ commonName: name, isCa: true });
  const of = (commonName: string) => makeCertificate({ commonName, issuer: ca, names: ["127.0.0.1"] });
  return { ca, server: of("server"), client: of("client"), other: of("other") };
}

type Generation = ReturnType<typeof makeGeneration>;

/** A member of one generation; what it was started with is replaced as deployments do it, by renaming. */
async function start(t: TestContext, { ca, server }: Generation, ...args: string[]) {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-rotated-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const pathOf = (name: string) => path.join(directory, name);
  const replace = (name: string, content: string | Buffer) => {
    writeFileSync(pathOf(`${name}.new`), content);
    renameSync(pathOf(`${name}.new`), pathOf(name));
  };
  const replacePair = ({ certPem, keyPem }: TestCertificate) => {
    replace("server.key", keyPem);
    replace("server.pem", certPem);
  };
  replacePair(server);
  replace("ca.pem", ca.certPem);
  replace("crl.der", makeRevocationList(ca, []));
  const member = await Member.start(
    makeServerConfig(
      parseFlags(
        [
          `--data-dir=${pathOf("data")}`,
          `--cert-file=${pathOf("server.pem")}`,
          `--key-file=${pathOf("server.key")}`,
          `--trusted-ca-file=${pathOf("ca.pem")}`,
          `--client-crl-file=${pathOf("crl.der")}`,
          "--client-cert-auth",
          "--listen-peer-urls=http://127.0.0.1:0",
          "--listen-client-urls=https://127.0.0.1:0",
          "--advertise-client-urls=https://127.0.0.1:0",
          ...args,
        ],
        {},
      ),
    ),
  );
  t.after(() => member.close());
  return { member, replace, replacePair };
}

interface Identity {
  readonly own: TestCertificate;
  readonly trusted: readonly TestCertificate[];
}

const optionsOf = ({ own, trusted }: Identity) => ({
  cert: own.certPem,
  key: own.keyPem,
  ca: trusted.map(({ certPem }) => certPem),
});
const addressOf = (member: Member) => new URL(member.clientUrls[0]!).host;
const connect = (member: Member, identity: Identity) =>
  GrpcClient.connect({ address: addressOf(member), tls: optionsOf(identity) });

/** By the JSON gateway, on a connection of its own. */
function putByHttp(member: Member, identity: Identity): Promise<void> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(member.clientUrls[0]!);
    const request = https.request(
      { hostname, port, path: "/v3/kv/put", method: "POST", agent: false, ...optionsOf(identity) },
      (response) => {
        response.resume();
        response.on("end", () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
        );
      },
    );
    request.on("error", reject);
    request.end(JSON.stringify({ key: "aw==", value: "dg==" }));
  });
}

async function putByGrpc(member: Member, identity: Identity): Promise<void> {
  const client = await connect(member, identity);
  try {
    await put(client, "k", "v");
  } finally {
    client.close();
  }
}

/** A watch that is created, over a websocket. */
function watchByWebsocket(member: Member, identity: Identity): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${addressOf(member)}/v3/watch`, optionsOf(identity));
    socket.on("open", () => socket.send(JSON.stringify({ create_request: { key: "aw==" } })));
    socket.on("message", () => socket.close());
    socket.on("error", reject);
    socket.on("close", (status) => (status === 1006 ? reject(new Error("cut off")) : resolve()));
  });
}

const PROTOCOLS = [putByGrpc, putByHttp, watchByWebsocket];

test("a CA is rotated twice under load: no request fails, on kept and on new connections", async (t) => {
  const generations = ["first", "second", "third"].map(makeGeneration);
  const [first] = generations as [Generation];
  const { member, replace, replacePair } = await start(t, first);
  let identity: Identity = { own: first.client, trusted: [first.ca] };
  const done = { kept: 0, opened: 0 };
  let isOver = false;
  const load = async (step: () => Promise<void>) => {
    while (!isOver) await step();
  };
  const kept = await connect(member, identity);
  t.after(() => kept.close());
  const loads = Promise.all([
    load(async () => {
      await put(kept, "kept", "v");
      done.kept++;
    }),
    load(async () => {
      for (const use of PROTOCOLS) await use(member, identity);
      done.opened++;
    }),
  ]);
  t.after(() => {
    isOver = true;
  });
  /** Until connections that were opened after this moment have been used. */
  const goOn = async () => {
    const { kept: keptBefore, opened } = done;
    await Promise.race([loads, until(() => done.kept > keptBefore && done.opened > opened + 2)]);
  };
  await goOn();
  for (const [i, next] of generations.entries()) {
    if (i === 0) continue;
    const last = generations[i - 1]!;
    replace("ca.pem", last.ca.certPem + next.ca.certPem);
    identity = { own: last.client, trusted: [last.ca, next.ca] };
    await goOn();
    replacePair(next.server);
    await goOn();
    identity = { own: next.client, trusted: [next.ca] };
    await goOn();
    replace("ca.pem", next.ca.certPem);
    await goOn();
    for (const use of PROTOCOLS) {
      await assert.rejects(use(member, { own: last.client, trusted: [next.ca] }), use.name);
    }
  }
  isOver = true;
  await loads;
  assert.equal((await get(kept, "kept")).kvs[0]?.version, BigInt(done.kept));
});

test("a certificate that is put on the list is refused from the next connection on, by each protocol", async (t) => {
  const generation = makeGeneration("ca");
  const { ca, client, other } = generation;
  const { member, replace } = await start(t, generation);
  const trusted = [ca];
  const kept = await connect(member, { own: client, trusted });
  t.after(() => kept.close());
  for (const use of PROTOCOLS) {
    replace("crl.der", makeRevocationList(ca, []));
    await use(member, { own: client, trusted });
    replace("crl.der", makeRevocationList(ca, [client.serial]));
    await assert.rejects(use(member, { own: client, trusted }), use.name);
    await use(member, { own: other, trusted });
  }
  // Who is there stays until it goes.
  await put(kept, "k", "v");
});

test("metrics say how long each certificate has left", async (t) => {
  const generation = makeGeneration("ca");
  const { member } = await start(t, generation, "--listen-metrics-urls=http://127.0.0.1:0");
  const response = await fetch(`${member.metricsUrls[0]}/metrics`);
  const found = new Map<string, number>();
  for (const [, flag, serial, value] of (await response.text()).matchAll(
    /^quorate_certificate_expiry_seconds\{flag="(.*?)",serial="(.*?)"\} (.*)$/gm,
  )) {
    found.set(`${flag} ${serial}`, Number(value));
  }
  assert.deepEqual(
    [...found.keys()],
    [`cert-file ${generation.server.serial}`, `trusted-ca-file ${generation.ca.serial}`],
  );
  for (const seconds of found.values()) {
    const years = seconds / (365.25 * 24 * 3_600);
    assert.ok(years > 0 && years < 100, `${years}`);
  }
});
