import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../config/errors.ts";
import { openUrl } from "./bind-addresses.ts";
import { ListeningSockets } from "./listening-sockets.ts";

const cases: {
  name: string;
  url: string;
  /** What happens at an address; nothing for those that can be had. */
  errors?: Record<string, string>;
  opened: string[];
  error?: RegExp;
}[] = [
  { name: "an address is one", url: "http://127.0.0.1:1", opened: ["127.0.0.1:1"] },
  { name: "any address is that of both families", url: "http://0.0.0.0:1", opened: [":::1"] },
  {
    name: "without IPv6 it is any of IPv4",
    url: "http://0.0.0.0:1",
    errors: { "::": "EAFNOSUPPORT" },
    opened: ["0.0.0.0:1"],
  },
  {
    name: "any address in use is in use",
    url: "http://0.0.0.0:1",
    errors: { "::": "EADDRINUSE" },
    opened: [],
    error: /0\.0\.0\.0:1: the address is already in use/,
  },
  { name: "any IPv6 address is that of both, too", url: "http://[::]:1", opened: [":::1"] },
  { name: "localhost is two", url: "http://localhost:1", opened: ["127.0.0.1:1", "::1:1"] },
  {
    name: "localhost without IPv6 is one",
    url: "http://localhost:1",
    errors: { "::1": "EADDRNOTAVAIL" },
    opened: ["127.0.0.1:1"],
  },
  {
    name: "the second of localhost may be somebody else's",
    url: "http://localhost:1",
    errors: { "::1": "EADDRINUSE" },
    opened: ["127.0.0.1:1"],
  },
  {
    name: "the first of localhost may not",
    url: "http://localhost:1",
    errors: { "127.0.0.1": "EADDRINUSE" },
    opened: [],
    error: /localhost:1: the address is already in use/,
  },
  {
    name: "localhost without IPv4 is one",
    url: "http://localhost:1",
    errors: { "127.0.0.1": "EAFNOSUPPORT" },
    opened: ["::1:1"],
  },
  {
    name: "localhost without IPv4 and with IPv6 in use is none",
    url: "http://localhost:1",
    errors: { "127.0.0.1": "EADDRNOTAVAIL", "::1": "EADDRINUSE" },
    opened: [],
    error: /cannot listen on http:\/\/localhost:1/,
  },
  {
    name: "an address that the machine lacks is an error",
    url: "http://10.1.2.3:1",
    errors: { "10.1.2.3": "EADDRNOTAVAIL" },
    opened: [],
    error: /cannot listen on http:\/\/10\.1\.2\.3:1/,
  },
];
for (const { name, url, errors = {}, opened: want, error } of cases) {
  test(name, async () => {
    const opened: string[] = [];
    const opening = openUrl(url, async ({ host, port }) => {
      const code = errors[host!];
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      opened.push(`${host}:${port}`);
      return port;
    });
    if (error === undefined) assert.equal(await opening, url);
    else
      await assert.rejects(opening, (thrown) => thrown instanceof ConfigError && error.test(thrown.message));
    assert.deepEqual(opened, want);
  });
}

test("a port that was found at the first address is asked for at the second", async () => {
  const asked: (number | undefined)[] = [];
  const url = await openUrl("http://localhost:0", async ({ port }) => {
    asked.push(port);
    return 4711;
  });
  assert.deepEqual([asked, url], [[0, 4711], "http://localhost:4711"]);
});

test("two may listen at the same port when both want to share it, and only then", async () => {
  const accept = (socket: { destroy(): void }) => socket.destroy();
  const sharing = () => new ListeningSockets({ allowHalfOpen: true, reusePort: true });
  const [first, second, third] = [sharing(), sharing(), new ListeningSockets({ allowHalfOpen: true })];
  const address = { url: "", secure: false, host: "127.0.0.1" };
  try {
    const port = await first.open({ ...address, port: 0 }, accept);
    assert.equal(await second.open({ ...address, port: port! }, accept), port);
    await assert.rejects(third.open({ ...address, port: port! }, accept), { code: "EADDRINUSE" });
  } finally {
    await Promise.all([first, second, third].map((each) => each.close()));
  }
});
