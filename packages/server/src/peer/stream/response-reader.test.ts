import assert from "node:assert/strict";
import test from "node:test";
import { HttpError, ResponseReader } from "./response-reader.ts";

/** What a response is understood to be, when it comes in pieces of `length` bytes. */
function read(text: string, length: number, connectionEnds = false) {
  const events = { status: 0, name: undefined as string | undefined, body: "", ended: false };
  const reader = new ResponseReader({
    onHead: ({ status, headers }) => {
      events.status = status;
      events.name = headers.get("x-name");
    },
    onBody: (chunk, start, end) => {
      events.body += Buffer.from(chunk.subarray(start, end)).toString("latin1");
    },
    onEnd: () => {
      events.ended = true;
    },
  });
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += length) reader.push(bytes.subarray(at, at + length));
  if (connectionEnds) reader.end();
  return events;
}

const OK = "HTTP/1.1 200 OK\r\nX-Name: a b \r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const understood = [
  { name: "chunks", text: `${CHUNKED}5\r\nhello\r\n00000001\r\n!\r\n`, body: "hello!", ended: false },
  {
    name: "sizes in letters of both cases",
    text: `${CHUNKED}0000001A\r\n${"x".repeat(26)}\r\n1f;n\r\n${"y".repeat(31)}\r\nc\n${"z".repeat(12)}\r\n`,
    body: "x".repeat(26) + "y".repeat(31) + "z".repeat(12),
    ended: false,
  },
  { name: "a last chunk", text: `${CHUNKED}1\r\nx\r\n0\r\n\r\n`, body: "x", ended: true },
  {
    name: "extensions and trailers",
    text: `${CHUNKED}1;a=b\r\nx\r\n0\r\nT: 1\r\n\r\n`,
    body: "x",
    ended: true,
  },
  { name: "a length", text: `${OK}Content-Length: 3\r\n\r\nabc`, body: "abc", ended: true },
  { name: "an empty body", text: `${OK}Content-Length: 0\r\n\r\n`, body: "", ended: true },
  {
    name: "a body until the connection ends",
    text: `${OK}\r\nabc`,
    body: "abc",
    ended: true,
    connectionEnds: true,
  },
];
for (const { name, text, body, ended, connectionEnds } of understood) {
  test(`a response with ${name} is read, however it is cut`, () => {
    for (let length = 1; length <= text.length; length++) {
      assert.deepEqual(read(text, length, connectionEnds), { status: 200, name: "a b", body, ended });
    }
  });
}

const refused = [
  { name: "something else than HTTP", text: "SSH-2.0-x\r\n\r\n" },
  { name: "a header without a colon", text: "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n" },
  { name: "headers without end", text: `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(4_000)}` },
  { name: "a chunk without a size", text: `${CHUNKED}xyz\r\n` },
  { name: "a chunk with an empty size", text: `${CHUNKED}\r\nx\r\n` },
  { name: "a chunk of absurd size", text: `${CHUNKED}${"f".repeat(16)}\r\n` },
  { name: "a chunk that is longer than its size", text: `${CHUNKED}1\r\nxyz\r\n` },
  { name: "a size line without end", text: `${CHUNKED}1;${"a".repeat(2_000)}` },
  { name: "a negative length", text: `${OK}Content-Length: -1\r\n\r\n` },
  { name: "bytes after its end", text: `${OK}Content-Length: 1\r\n\r\nxy` },
  { name: "a chunked body cut off", text: `${CHUNKED}5\r\nhel`, connectionEnds: true },
  { name: "a chunked body without last chunk", text: `${CHUNKED}1\r\nx\r\n`, connectionEnds: true },
  { name: "no head", text: "HTTP/1.1 200", connectionEnds: true },
];
for (const { name, text, connectionEnds } of refused) {
  test(`${name} is an error`, () => {
    for (const length of [1, 7, text.length]) {
      assert.throws(() => read(text, length, connectionEnds), HttpError);
    }
  });
}
