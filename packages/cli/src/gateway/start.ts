import { lookup } from "node:dns/promises";
import { systemDns } from "@quorate/client/dns";
import { notifySystemd } from "@quorate/server/notify-systemd";
import type { Invocation } from "../command-line/command.ts";
import { Exit, ExitCode } from "../command-line/exit.ts";
import { discoveredRemotes } from "./discovered-remotes.ts";
import { logLine } from "./log.ts";
import { type Remote, Remotes } from "./remotes.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** When no delay is given. */
const USUAL_RETRY_DELAY_MS = 5 * 60_000;

/** Resolves when connections are served, which goes on until the process ends. Throws Exit when they cannot be. */
export async function run(invocation: Invocation): Promise<void> {
  const { flags, output, path, words } = invocation;
  logLine("info", "Running: ", { args: [path[0].name, ...words] });
  const refuse = (text: string): Exit => {
    output.write(text);
    return new Exit(ExitCode.ERROR);
  };
  let remotes = await discovered(invocation);
  if (remotes.length === 0) remotes = flags.list("endpoints").map((given) => remoteAt(given, refuse));
  const listenAddr = flags.text("listen-addr");
  const [listenHost, listenPort] = splitHostPort(listenAddr) ?? [];
  if (listenHost === undefined) throw refuse(`failed to validate listen address: ${listenAddr}\n`);
  const own = await addressesOf(listenHost);
  if (own === undefined) throw refuse(`failed to resolve listen host: ${listenHost}\n`);
  for (const { host, port } of remotes) {
    const addresses = await addressesOf(host);
    if (addresses === undefined) throw refuse(`failed to resolve endpoint host: ${host}\n`);
    const itself =
      String(port) === listenPort ? addresses.find((address) => own.includes(address)) : undefined;
    if (itself === undefined) continue;
    throw refuse(
      `SRV or endpoint (${host}:${port}->${itself}:${port}) should not resolve to the gateway listen addr (${listenAddr})\n`,
    );
  }
  if (remotes.length === 0) throw refuse("no endpoints found\n");
  const proxy = new TcpProxy({
    remotes: new Remotes(remotes, Math.random),
    retryDelayMs: flags.duration("retry-delay") || USUAL_RETRY_DELAY_MS,
    log: logLine,
  });
  try {
    await proxy.listen(listenHost, Number(listenPort));
  } catch (error) {
    output.errorLine(`listen tcp ${listenAddr}: ${reasonOf(error as NodeJS.ErrnoException)}`);
    throw new Exit(ExitCode.ERROR);
  }
  notifySystemd("READY=1");
}

async function discovered({ flags, output }: Invocation): Promise<readonly Remote[]> {
  try {
    return await discoveredRemotes(flags, systemDns, logLine);
  } catch (error) {
    output.errorLine((error as Error).message);
    throw new Exit(ExitCode.ERROR);
  }
}

/** Of `host:port` or a URL, of which the scheme does not matter. */
function remoteAt(given: string, refuse: (text: string) => Exit): Remote {
  const address = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i.exec(given)?.[1] ?? given;
  const [host, port] = splitHostPort(address) ?? [];
  if (host === undefined) throw refuse(`error parsing endpoint ${JSON.stringify(address)}`);
  return { host, port: Number(port), priority: 0, weight: 0 };
}

/** undefined for what is not of the form `host:port`. */
function splitHostPort(address: string): [host: string, port: string] | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{0,5})$/.exec(address);
  return match === null ? undefined : [match[1] ?? match[2]!, match[3]!];
}

/** undefined when there are none. */
async function addressesOf(host: string): Promise<readonly string[] | undefined> {
  if (host === "") return undefined;
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return undefined;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "bind: address already in use",
  EADDRNOTAVAIL: "bind: cannot assign requested address",
  EACCES: "bind: permission denied",
};

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return REASONS[code ?? ""] ?? message;
}
