import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { create, type DescField, type DescMessage, toJson } from "@bufbuild/protobuf";
import type { GrpcClient } from "@quorate/rpc/client";
import { GrpcError } from "@quorate/rpc/status";
import { decode, encode, METHODS, type Method } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
} from "@quorate/wire/etcdserverpb";
import type { Logger } from "../log/logger.ts";
import { Member } from "./member.ts";
import type { MemberOptions } from "./options.ts";
import { connect } from "./testing.ts";

const SECRET = "planted-secret";
const MARKED = /planted-secret[\w-]*/;
/** As JSON has bytes: the same in each of the three places where it may begin. */
const ENCODED = ["planted-secret", "xplanted-secret", "xxplanted-secret"].map((text) =>
  Buffer.from(text).toString("base64").slice(4, 16),
);
/** Of the choices in messages of these, each is taken once. */
const WITH_CHOICES = /KV\/Txn|Watch\/Watch/;
const CHOICES = 4;
const DEPTH = 4;
const STREAM_MS = 100;
/** What would change who may ask, or who there is to ask. */
const SPARED =
  /Auth\/(AuthDisable|AuthEnable)|Maintenance\/MoveLeader|Cluster\/Member(Add|Remove|Update|Promote)/;

const directory = mkdtempSync(path.join(tmpdir(), "quorate-secrets-test-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const keyFile = path.join(directory, "key");
writeFileSync(keyFile, `${SECRET}-key`);

let planted = 0;

/** A message in whose every text, and in all bytes, a secret is planted. */
function withSecrets(desc: DescMessage, choice: number, depth = 0): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const field of desc.fields) {
    if (field.oneof === undefined) fields[field.localName] = secretOf(field, choice, depth);
  }
  for (const { localName, fields: choices } of desc.oneofs) {
    const field = choices[choice % choices.length]!;
    const value = secretOf(field, choice, depth);
    if (value !== undefined) fields[localName] = { case: field.localName, value };
  }
  return fields;
}

function secretOf(field: DescField, choice: number, depth: number): unknown {
  if (field.fieldKind === "list") {
    if (field.listKind === "message")
      return depth > DEPTH ? [] : [withSecrets(field.message, choice, depth + 1)];
    return field.listKind === "scalar" && field.scalar === 9 ? [`${SECRET}-${planted++}`] : [];
  }
  if (field.fieldKind === "message")
    return depth > DEPTH ? undefined : withSecrets(field.message, choice, depth + 1);
  if (field.fieldKind !== "scalar") return undefined;
  const secret = `${SECRET}-${planted++}`;
  if (field.scalar === 9) return secret;
  return field.scalar === 12 ? Buffer.from(secret) : undefined;
}

function recorder(): { logger: Logger; text: () => string } {
  const lines: string[] = [];
  const note = (message: string, fields?: unknown) => {
    const shown = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
    lines.push(`${message} ${JSON.stringify(fields, shown)}`);
  };
  const logger: Logger = {
    debug: note,
    info: note,
    warn: note,
    error: note,
    fatal: note,
    for: () => logger,
  };
  return { logger, text: () => lines.join("\n") };
}

/** What a client is told besides an answer: why there is none. */
async function toldOf(
  client: GrpcClient,
  method: Method,
  message: Uint8Array,
  token?: string,
): Promise<string> {
  const options = token === undefined ? {} : { metadata: { token } };
  if (method.clientStreaming || method.serverStreaming) {
    const call = client.stream(method.path, options);
    const ended = new Promise<string>((resolve) => {
      call.onEnd = ({ details }) => resolve(details);
      setTimeout(() => resolve(""), STREAM_MS);
    });
    call.send(message);
    const told = await ended;
    call.cancel();
    return told;
  }
  try {
    await client.unary(method.path, message, options);
    return "";
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return error.details;
  }
}

const kinds: readonly { name: string; authToken: NonNullable<MemberOptions["authToken"]> }[] = [
  { name: "simple", authToken: { kind: "simple", ttlMs: 300_000 } },
  {
    name: "signed",
    authToken: {
      kind: "jwt",
      algorithm: "HS256",
      publicKeyFile: "",
      privateKeyFile: keyFile,
      ttlMs: 300_000,
    },
  },
];
for (const { name, authToken } of kinds) {
  test(`no log, metric, error or page for debuggers tells a secret, whatever is asked for with ${name} tokens`, async () => {
    const { logger, text } = recorder();
    const dataDir = path.join(directory, name);
    // What takes longer than no time at all is logged.
    const options = {
      dataDir,
      bcryptCost: 4,
      heartbeatMs: 20,
      electionTicks: 10,
      warningApplyMs: 0,
      authToken,
    };
    await using member = await Member.start(options, { logger });
    const client = await connect(member);
    using _ = { [Symbol.dispose]: () => client.close() };
    const url = member.clientUrls[0]!;
    const auth = (method: string, message = new Uint8Array(0)) =>
      client.unary(`/etcdserverpb.Auth/${method}`, message);
    const password = `${SECRET}-password`;
    await auth("UserAdd", encode(AuthUserAddRequestSchema, { name: "root", password }));
    await auth("UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: "root", role: "root" }));
    await auth("AuthEnable");
    const login = encode(AuthenticateRequestSchema, { name: "root", password });
    const told: string[] = [];
    const tokens: string[] = [];
    let asked = 0;
    for (const method of METHODS.values()) {
      if (!method.path.startsWith("/etcdserverpb.") || SPARED.test(method.path)) continue;
      for (let choice = 0; choice < (WITH_CHOICES.test(method.path) ? CHOICES : 1); choice++) {
        const { token } = decode(AuthenticateResponseSchema, await auth("Authenticate", login));
        tokens.push(token);
        const fields = withSecrets(method.request, choice);
        const message = encode(method.request, fields);
        told.push(await toldOf(client, method, message, token));
        told.push(await toldOf(client, method, message, `Bearer ${SECRET}-token-${planted++}`));
        told.push(await toldOf(client, method, message));
        asked++;
        const httpPath = method.httpPaths[0];
        if (httpPath === undefined || method.serverStreaming) continue;
        for (const authorization of [token, `Bearer ${SECRET}-${planted++}`]) {
          const answer = await fetch(`${url}${httpPath}`, {
            method: "POST",
            headers: { authorization },
            body: JSON.stringify(toJson(method.request, create(method.request, fields))),
            signal: AbortSignal.timeout(10_000),
          });
          const body = await answer.text();
          if (!answer.ok) told.push(body);
        }
      }
    }
    assert.ok(asked > 30 && planted > 150, `${asked} requests, ${planted} secrets`);
    const pages: string[] = [];
    for (const page of [
      "/metrics",
      "/health",
      "/debug/vars",
      "/debug/requests",
      "/debug/pprof/",
      "/version",
    ]) {
      pages.push(await (await fetch(`${url}${page}`)).text());
    }
    assert.ok(text().includes("apply request took too long"));
    for (const [where, content] of [
      ["what clients are told", told.join("\n")],
      ["the log", text()],
      ["the pages", pages.join("\n")],
    ] as const) {
      assert.equal(MARKED.exec(content), null, where);
      for (const encoded of ENCODED) assert.equal(content.includes(encoded), false, where);
      for (const token of tokens) {
        // The beginning of a signed one is the same in all, and says nothing.
        const part = name === "simple" ? token.slice(0, 16) : token.slice(token.lastIndexOf("."));
        assert.equal(content.includes(part), false, where);
      }
    }
  });
}
