import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { GrpcClient } from "@quorate/rpc/client";
import { GrpcError } from "@quorate/rpc/status";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
  PutRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig } from "../config/server-config.ts";
import { FAILURES, type FailureCode } from "../errors.ts";
import { makeCertificate, type TestCertificate } from "../tls/testing.ts";
import { Member } from "./member.ts";

const ca = makeCertificate({ commonName: "ca", isCa: true });
// Whoever calls a member over JSON must not become the user that its own certificate names.
const server = makeCertificate({ commonName: "root", issuer: ca, names: ["127.0.0.1"] });
const certificateOf = (commonName: string) =>
  makeCertificate({ commonName, issuer: ca, names: ["127.0.0.1"] });

async function start(t: TestContext, ...args: string[]): Promise<Member> {
  const directory = mkdtempSync(path.join(tmpdir(), "quorate-certificate-users-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const write = (name: string, content: string) => {
    writeFileSync(path.join(directory, name), content);
    return path.join(directory, name);
  };
  const flags = [
    `--data-dir=${path.join(directory, "data")}`,
    `--cert-file=${write("server.pem", server.certPem)}`,
    `--key-file=${write("server.key", server.keyPem)}`,
    `--trusted-ca-file=${write("ca.pem", ca.certPem)}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    "--listen-client-urls=https://127.0.0.1:0",
    "--advertise-client-urls=https://127.0.0.1:0",
    "--bcrypt-cost=4",
    ...args,
  ];
  return Member.start(makeServerConfig(parseFlags(flags, {})));
}

const tlsOf = ({ certPem, keyPem }: TestCertificate) => ({
  cert: certPem,
  key: keyPem,
  rejectUnauthorized: false,
});

async function connect(member: Member, certificate: TestCertificate): Promise<GrpcClient> {
  return GrpcClient.connect({
    address: new URL(member.clientUrls[0]!).host,
    tls: tlsOf(certificate),
  });
}

/** Users root and u, who may write [b,d); then authentication is enabled. */
async function enable(client: GrpcClient): Promise<void> {
  const call = (method: string, message: Uint8Array) => client.unary(`/etcdserverpb.Auth/${method}`, message);
  for (const name of ["root", "u"]) {
    await call("UserAdd", encode(AuthUserAddRequestSchema, { name, password: `pw-${name}` }));
  }
  await call("UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: "root", role: "root" }));
  await call("RoleAdd", encode(AuthRoleAddRequestSchema, { name: "r" }));
  const perm = { permType: 2, key: Buffer.from("b"), rangeEnd: Buffer.from("d") };
  await call("RoleGrantPermission", encode(AuthRoleGrantPermissionRequestSchema, { name: "r", perm }));
  await call("UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: "u", role: "r" }));
  await call("AuthEnable", new Uint8Array(0));
}

async function told(client: GrpcClient, path: string, message: Uint8Array, token?: string) {
  try {
    await client.unary(path, message, token === undefined ? {} : { metadata: { token } });
    return "done";
  } catch (error) {
    assert.ok(error instanceof GrpcError);
    const codes = Object.keys(FAILURES) as FailureCode[];
    return codes.find((code) => FAILURES[code][1] === error.details) ?? error.details;
  }
}

const put = (key: string) => encode(PutRequestSchema, { key: Buffer.from(key), value: Buffer.from("v") });
const PUT = "/etcdserverpb.KV/Put";
const MEMBERS = "/etcdserverpb.Cluster/MemberList";
const USERS = "/etcdserverpb.Auth/UserList";
const NOTHING = new Uint8Array(0);

/** What is said to a put of b, of a, to who asks for the members, and for the users. */
const identities = [
  { name: "u", want: ["done", "PERMISSION_DENIED", "done", "PERMISSION_DENIED"] },
  { name: "root", want: ["done", "done", "done", "done"] },
  { name: "nobody known", want: ["PERMISSION_DENIED", "PERMISSION_DENIED", "done", "USER_NOT_FOUND"] },
];

test("who comes with a certificate is the user that it names, unless a token says who it is", async (t) => {
  await using member = await start(t, "--client-cert-auth");
  const clients: GrpcClient[] = [];
  t.after(() => {
    for (const client of clients) client.close();
  });
  const admin = await connect(member, certificateOf("root"));
  clients.push(admin);
  await enable(admin);
  for (const { name, want } of identities) {
    const client = await connect(member, certificateOf(name));
    clients.push(client);
    const answers = [
      await told(client, PUT, put("b")),
      await told(client, PUT, put("a")),
      await told(client, MEMBERS, NOTHING),
      await told(client, USERS, NOTHING),
    ];
    assert.deepEqual(answers, want, name);
  }
  const login = encode(AuthenticateRequestSchema, { name: "u", password: "pw-u" });
  const { token } = decode(
    AuthenticateResponseSchema,
    await admin.unary("/etcdserverpb.Auth/Authenticate", login),
  );
  assert.equal(await told(admin, PUT, put("a"), token), "PERMISSION_DENIED");
  assert.equal(await told(admin, PUT, put("b"), token), "done");
  assert.equal(await told(admin, PUT, put("b"), "x.1"), "INVALID_AUTH_TOKEN");
  assert.equal(await told(admin, PUT, put("b"), ""), "INVALID_AUTH_TOKEN");
});

test("a write is its certificate's user's also when authentication is enabled just before it", async (t) => {
  await using member = await start(t, "--client-cert-auth");
  const admin = await connect(member, certificateOf("root"));
  t.after(() => admin.close());
  await enable(admin);
  for (let round = 0; round < 5; round++) {
    await admin.unary("/etcdserverpb.Auth/AuthDisable", NOTHING);
    // In the order in which they are sent they come to be entries of the log.
    const [enabled, ...puts] = await Promise.all([
      told(admin, "/etcdserverpb.Auth/AuthEnable", NOTHING),
      ...Array.from({ length: 4 }, (_, i) => told(admin, PUT, put(`b${i}`))),
    ]);
    assert.equal(enabled, "done");
    assert.deepEqual(puts, ["done", "done", "done", "done"]);
  }
});

test("a certificate that is required only for the connection names nobody", async (t) => {
  await using member = await start(t);
  const client = await connect(member, certificateOf("root"));
  t.after(() => client.close());
  await enable(client);
  assert.equal(await told(client, PUT, put("b")), "USER_NAME_EMPTY");
  assert.equal(await told(client, MEMBERS, NOTHING), "USER_NAME_EMPTY");
});

interface JsonAnswer {
  readonly status: number | undefined;
  readonly text: string;
}

function postJson(
  member: Member,
  certificate: TestCertificate,
  headers: Record<string, string>,
): Promise<JsonAnswer> {
  const { hostname, port } = new URL(member.clientUrls[0]!);
  const options = { hostname, port, path: "/v3/kv/put", method: "POST", agent: false, headers };
  return new Promise((resolve, reject) => {
    const request = https.request({ ...options, ...tlsOf(certificate) }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    request.on("error", reject);
    request.end('{"key":"Yg==","value":"dg=="}');
  });
}

test("over JSON no certificate names a user: not the client's, and not the member's own", async (t) => {
  await using member = await start(t, "--client-cert-auth");
  const admin = await connect(member, certificateOf("root"));
  t.after(() => admin.close());
  assert.equal((await postJson(member, certificateOf("root"), {})).status, 200);
  await enable(admin);
  const refused = await postJson(member, certificateOf("root"), {});
  assert.equal(refused.status, 400);
  assert.match(refused.text, /^CommonName of client sending a request against gateway will be ignored/);
  const nameless = certificateOf("");
  for (const headers of [{}, { accept: "*/*" }]) {
    const { status, text } = await postJson(member, nameless, headers);
    assert.equal(status, 400);
    assert.match(text, /user name is empty/);
  }
  const login = encode(AuthenticateRequestSchema, { name: "u", password: "pw-u" });
  const { token } = decode(
    AuthenticateResponseSchema,
    await admin.unary("/etcdserverpb.Auth/Authenticate", login),
  );
  assert.equal((await postJson(member, nameless, { authorization: `Bearer ${token}` })).status, 200);
  assert.equal((await postJson(member, nameless, { "grpc-metadata-token": token })).status, 200);
  assert.equal((await postJson(member, nameless, { authorization: "x" })).status, 401);
});
