import net from "node:net";
import { type Endpoint, parseEndpoint } from "@quorate/client";

const LONGEST_MS = 1_000;
const ADVICE = "--endpoints, or ETCDCTL_ENDPOINTS in the environment, says where members listen.";

/** What each endpoint does when it is connected to, and what to try: for people who got no answer in time. Never rejects. */
export async function whyNoAnswer(endpoints: readonly string[]): Promise<string[]> {
  const told = await Promise.all(
    endpoints.map(async (endpoint) => `  ${endpoint} ${await stateOf(endpoint)}`),
  );
  return [...told, ADVICE];
}

async function stateOf(text: string): Promise<string> {
  let endpoint: Endpoint;
  try {
    endpoint = parseEndpoint(text);
  } catch {
    return "is not an address";
  }
  const socket =
    endpoint.socketPath === undefined
      ? net.connect({ host: endpoint.serverName, port: Number(/\d+$/.exec(endpoint.address!)![0]) })
      : net.connect({ path: endpoint.socketPath });
  try {
    return await new Promise((resolve) => {
      socket.once("connect", () =>
        resolve(
          "takes connections, but did not answer in time: 'endpoint status' says whether it has a leader",
        ),
      );
      socket.once("error", ({ code, message }: NodeJS.ErrnoException) =>
        resolve(FAILURES[code ?? ""] ?? message),
      );
      socket.setTimeout(LONGEST_MS, () =>
        resolve(
          "does not answer at all: another address may be meant, or something on the way is in the way",
        ),
      );
    });
  } finally {
    socket.destroy();
  }
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refuses connections: nobody listens there",
  ENOENT: "is no socket: nobody listens there",
  ENOTFOUND: "is not known: there is no such host",
  EAI_AGAIN: "cannot be looked up: no name server answers",
  EHOSTUNREACH: "cannot be reached from here",
  ENETUNREACH: "cannot be reached from here",
};
