import assert from "node:assert/strict";
import { test } from "node:test";
import { REQUEST, start } from "../client-port/http1-server.testing.ts";

const BODY = "5\r\nhello\r\n0\r\n\r\n";
const refusedRequests: readonly { name: string; headers: string; status: number; method?: string }[] = [
  { name: "two hosts", headers: "Host: a\r\nHost: b\r\n", status: 400 },
  { name: "the same host twice", headers: "Host: a\r\nhost: a\r\n", status: 400 },
  { name: "two hosts, of CONNECT", headers: "Host: a\r\nHost: b\r\n", status: 400, method: "CONNECT" },
  {
    name: "two hosts for an upgrade",
    headers: "Host: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: x\r\n",
    status: 400,
  },
  { name: "a host with a blank", headers: "Host: a b\r\n", status: 400 },
  { name: "a host with a path", headers: "Host: a/b\r\n", status: 400 },
  {
    name: "a coding before chunked",
    headers: "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
    status: 501,
  },
  {
    name: "chunked behind another field of codings",
    headers: "Host: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    status: 501,
  },
  {
    name: "chunked twice",
    headers: "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    status: 501,
  },
  {
    name: "a coding behind a length",
    headers: "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    status: 400,
  },
  {
    name: "a length behind a coding",
    headers: "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    status: 400,
  },
  ...["Content-Length", "x, trailer", "TRANSFER-ENCODING ,x", "x\r\nTrailer: content-length"].map(
    (names) => ({
      name: `a trailer that may not be one, ${JSON.stringify(names)}`,
      headers: `Host: a\r\nTransfer-Encoding: chunked\r\nTrailer: ${names}\r\n`,
      status: 400,
    }),
  ),
  { name: "a coding alone", headers: "Host: a\r\nTransfer-Encoding: gzip\r\n", status: 501 },
  { name: "an expectation that is not known", headers: "Host: a\r\nExpect: 200-ok\r\n", status: 417 },
];
for (const { name, headers, status, method = "POST" } of refusedRequests) {
  test(`a request with ${name} is refused with ${status}, and the connection ends`, async (t) => {
    const connect = await start(t, { upgrades: () => true });
    const target = method === "CONNECT" ? "a:1" : "/";
    const client = connect().send(
      `${REQUEST}${method} ${target} HTTP/1.1\r\n${headers}\r\n${BODY}${REQUEST}`,
    );
    await client.closed;
    assert.match(
      client.text,
      new RegExp(`^HTTP/1.1 200 [\\s\\S]*GET 0HTTP/1.1 ${status} [\\s\\S]*${status} [A-Za-z ]+$`),
    );
  });
}

for (const host of ["", "a", "a:1", "[::1]:2379", "[fe80::1%25eth0]", "a_b.c-d~", "%C3%A9"]) {
  test(`a request with the host ${JSON.stringify(host)} is taken`, async (t) => {
    const connect = await start(t);
    const client = connect().send(`GET / HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\n\r\n`);
    await client.answers(2);
    assert.match(client.text, /^HTTP\/1.1 100 [\s\S]*HTTP\/1.1 200 /);
  });
}

for (const headers of [
  "Transfer-Encoding: chunked\r\nTrailer: X-Content-Length, x",
  "Content-Length: 17\r\nTrailer: Content-Length",
]) {
  test(`a request with ${JSON.stringify(headers)} is taken`, async (t) => {
    const connect = await start(t);
    const client = connect().send(`POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${BODY}`);
    await client.answers(1);
    assert.match(client.text, /^HTTP\/1\.1 200 /);
  });
}

for (const version of ["0.9", "2.0"]) {
  test(`a request of HTTP/${version} is refused with 505`, async (t) => {
    const connect = await start(t);
    const client = connect().send(`POST / HTTP/${version}\r\nHost: a\r\n\r\n`);
    await client.closed;
    assert.match(client.text, /^HTTP\/1.1 505 /);
  });
}
