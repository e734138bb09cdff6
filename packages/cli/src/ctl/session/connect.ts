import { Client } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { Display } from "../output/display.ts";
import { anyFirst } from "./any-first.ts";
import { readSettings, type Settings } from "./settings.ts";
import { tlsOptions } from "./tls.ts";

/** A client and what is printed with. */
export interface Session {
  readonly client: Client;
  readonly settings: Settings;
  readonly display: Display;
}

/** Throws Exit when the flags do not allow it, or the user's password is refused. */
export async function connect(invocation: Invocation): Promise<Session> {
  const settings = await readSettings(invocation);
  return { client: await clientOf(settings), settings, display: settings.display };
}

/** A client of these endpoints. Connects when it is used, unless there is a password to check. */
export async function clientOf(
  settings: Omit<Settings, "display" | "literalEndpoints">,
  endpoints: readonly string[] = settings.endpoints,
): Promise<Client> {
  const tls = tlsOptions(settings.tls);
  const { maxRequestBytes, maxResponseBytes } = settings;
  if (maxResponseBytes > 0 && maxRequestBytes > maxResponseBytes) {
    const limits = `recv limit (${maxResponseBytes} bytes) must be greater than send limit (${maxRequestBytes} bytes)`;
    throw new Exit(ExitCode.BAD_CONNECTION, `gRPC message ${limits}`);
  }
  const client = makeClient({
    endpoints: anyFirst(endpoints),
    ...(tls !== undefined && { tls }),
    // As etcdctl: without a password nobody is asked who one is.
    ...(settings.credentials?.user && settings.credentials.password && { credentials: settings.credentials }),
    ...(settings.token !== undefined && { token: settings.token }),
    requestTimeoutMs: settings.commandTimeoutMs,
    keepaliveTimeMs: settings.keepaliveTimeMs,
    keepaliveTimeoutMs: settings.keepaliveTimeoutMs,
    ...(maxRequestBytes > 0 && { maxRequestBytes }),
    ...(maxResponseBytes > 0 && { maxResponseBytes }),
  });
  if (settings.credentials === undefined) return client;
  try {
    const timeoutMs = settings.dialTimeoutMs > 0 ? settings.dialTimeoutMs : Number.POSITIVE_INFINITY;
    await client.authenticate({ timeoutMs });
  } catch (error) {
    throw exitWith(ExitCode.BAD_CONNECTION, error);
  }
  return client;
}

function makeClient(options: ConstructorParameters<typeof Client>[0]): Client {
  if (options.endpoints.length === 0)
    throw new Exit(ExitCode.BAD_CONNECTION, "etcdclient: no available endpoints");
  try {
    return new Client(options);
  } catch (error) {
    throw badArguments((error as Error).message);
  }
}
