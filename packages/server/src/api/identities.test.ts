import assert from "node:assert/strict";
import test from "node:test";
import type { TLSSocket } from "node:tls";
import type { ServerCall } from "@quorate/rpc/server";
import { NO_TOKENS } from "../auth/tokens.ts";
import { IMPOSTOR, NOBODY } from "../operations/caller.ts";
import { Identities } from "./identities.ts";

function setUp(usesCertificates = false) {
  const auth = { isEnabled: true, revision: 3 };
  const holders = new Map([
    ["t-u", { username: "u", authRevision: undefined }],
    ["t-v", { username: "v", authRevision: 2 }],
  ]);
  const tokens = { ...NO_TOKENS, holderOf: (token: string) => holders.get(token) };
  return { auth, holders, identities: new Identities({ auth, tokens, usesCertificates }) };
}

type Metadata = Readonly<Record<string, string>>;

function callWith(metadata: Metadata, tls?: TLSSocket): ServerCall {
  return { metadata: (name: string) => metadata[name], peer: { tls } } as unknown as ServerCall;
}

/** A connection whose client has shown a certificate of this name. */
function tlsOf(name: string): TLSSocket {
  return {
    authorized: true,
    getPeerCertificate: () => ({ subject: { CN: name } }),
  } as unknown as TLSSocket;
}

const whoever: { name: string; metadata: Metadata; want: string | undefined }[] = [
  { name: "a token", metadata: { token: "t-u" }, want: "u 3" },
  { name: "a token that names its revision", metadata: { token: "t-v" }, want: "v 2" },
  { name: "the header of HTTP", metadata: { authorization: "t-u" }, want: "u 3" },
  { name: "a scheme before it", metadata: { authorization: "Bearer t-u" }, want: "u 3" },
  { name: "both, of which gRPC's counts", metadata: { token: "t-v", authorization: "t-u" }, want: "v 2" },
  { name: "a token of nobody", metadata: { token: "t-w" }, want: undefined },
  { name: "an empty token", metadata: { token: "" }, want: undefined },
];
for (const { name, metadata, want } of whoever) {
  test(`who makes a call is found out by ${name}, whoever made the one before`, () => {
    const { identities } = setUp();
    for (const before of whoever) {
      void identities.of(callWith(before.metadata)).caller;
      const { caller } = identities.of(callWith(metadata));
      if (want === undefined) assert.equal(caller, IMPOSTOR);
      else assert.equal(`${caller.username} ${caller.authRevision}`, want);
    }
  });
}

test("calls that show the same token share what is known of it, and learn what has changed", () => {
  const { auth, holders, identities } = setUp();
  const first = identities.of(callWith({ token: "t-u" }));
  assert.equal(identities.of(callWith({ authorization: "Bearer t-u" })), first);
  assert.notEqual(identities.of(callWith({ token: "t-v" })), first);
  const known = first.caller;
  assert.equal(first.caller, known);
  auth.revision = 4;
  assert.deepEqual(first.caller, { ...known, authRevision: 4 });
  holders.set("t-u", { username: "w", authRevision: undefined });
  assert.deepEqual(first.caller, { ...known, username: "w", authRevision: 4 });
  holders.delete("t-u");
  assert.equal(first.caller, IMPOSTOR);
  auth.isEnabled = false;
  assert.equal(first.caller, NOBODY);
});

test("what a call has come with is looked at when somebody must be somebody, and not before", () => {
  const { auth, identities } = setUp();
  auth.isEnabled = false;
  const identity = identities.of(callWith({ token: "t-u" }));
  assert.equal(identity.isExamined, true);
  assert.equal(identity.caller, NOBODY);
  assert.equal(identity.wasAskedFor, false);
  auth.isEnabled = true;
  assert.equal(identity.caller.username, "u");
  assert.equal(identity.wasAskedFor, true);
});

test("certificates name who comes without a token, each on its own connection", () => {
  const { auth, identities } = setUp(true);
  const [a, b] = [tlsOf("a"), tlsOf("b")];
  const names = () =>
    [
      callWith({}, a),
      callWith({}, b),
      callWith({ token: "t-u" }, b),
      callWith({}, b),
      callWith({}),
      callWith({}, a),
    ].map((call) => identities.of(call).caller.username);
  assert.deepEqual(names(), ["a", "b", "u", "b", "", "a"]);
  assert.equal(identities.of(callWith({}, a)), identities.of(callWith({}, a)));
  auth.isEnabled = false;
  assert.deepEqual(names(), ["a", "b", "b", "b", "", "a"]);
});

test("where certificates do not count nobody is named by one", () => {
  const { identities } = setUp();
  assert.equal(identities.of(callWith({}, tlsOf("a"))).caller, NOBODY);
});
