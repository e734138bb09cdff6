import type { Credentials } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments } from "../../command-line/exit.ts";
import { type Display, displayOf } from "../output/display.ts";
import { applyEnvironment, variableOf } from "./environment.ts";
import type { TlsFlags } from "./tls.ts";

/** What the global flags and the environment say, checked in etcdctl's order. */
export interface Settings {
  readonly endpoints: readonly string[];
  /** As they were given, whatever SRV records say. */
  readonly literalEndpoints: readonly string[];
  readonly credentials: Credentials | undefined;
  readonly token: string | undefined;
  readonly tls: TlsFlags;
  readonly display: Display;
  /** Milliseconds. */
  readonly commandTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** 0: what is usual. */
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
}

/** Throws Exit when they contradict each other, or mean nothing. */
export async function readSettings(invocation: Invocation): Promise<Settings> {
  const { flags, output } = invocation;
  applyEnvironment(invocation);
  if (flags.on("debug")) printFlags(invocation);
  const literalEndpoints = flags.list("endpoints").map((endpoint) => endpoint.trim());
  let endpoints: readonly string[] = [];
  if (flags.text("discovery-srv") !== "") {
    const { discoverEndpoints } = await import("./discovery.ts");
    endpoints = await discoverEndpoints(flags, output);
  }
  if (endpoints.length === 0) endpoints = literalEndpoints;
  const tls = tlsFlags(invocation);
  const { credentials, token } = await identity(invocation);
  return {
    endpoints,
    literalEndpoints,
    credentials,
    token,
    tls,
    display: displayOf(flags.text("write-out"), flags.on("hex"), output),
    commandTimeoutMs: flags.duration("command-timeout"),
    dialTimeoutMs: flags.duration("dial-timeout"),
    keepaliveTimeMs: flags.duration("keepalive-time"),
    keepaliveTimeoutMs: flags.duration("keepalive-timeout"),
    maxRequestBytes: Number(flags.integer("max-request-bytes")),
    maxResponseBytes: Number(flags.integer("max-recv-bytes")),
  };
}

function printFlags({ flags, output }: Invocation): void {
  const shown = (name: string, kind: string): string => {
    if (kind === "strings") return `[${flags.list(name).join(",")}]`;
    if (kind === "bool") return String(flags.on(name));
    return kind === "int" ? String(flags.integer(name)) : flags.text(name);
  };
  for (const { name, kind } of flags.specs) {
    if (name === "password" || kind === "duration") continue;
    output.errorLine(`${variableOf(name)}=${withoutSecrets(name, shown(name, kind))}`);
  }
}

/** What is printed to find a fault is passed on; etcdctl prints these, too, as they are. */
function withoutSecrets(name: string, text: string): string {
  if (name === "auth-jwt-token" && text !== "") return "***";
  // It may be `name:password`.
  return name === "user" ? text.replace(/:.*/s, ":***") : text;
}

function tlsFlags({ flags }: Invocation): TlsFlags {
  for (const name of ["cert", "key", "cacert"]) {
    if (flags.text(name) === "" && flags.changed(name))
      throw badArguments(`empty string is passed to --${name} option`);
  }
  return {
    cert: flags.text("cert"),
    key: flags.text("key"),
    cacert: flags.text("cacert"),
    serverName: flags.on("insecure-discovery") ? "" : flags.text("discovery-srv"),
    insecureTransport: flags.on("insecure-transport"),
    skipVerification: flags.on("insecure-skip-tls-verify"),
  };
}

async function identity(invocation: Invocation): Promise<Pick<Settings, "credentials" | "token">> {
  const { flags } = invocation;
  const token = flags.text("auth-jwt-token");
  if (token !== "") return { credentials: undefined, token };
  const credentials = await credentialsOf(
    flags.text("user"),
    flags.text("password"),
    "Password: ",
    invocation,
  );
  return { credentials, token: undefined };
}

/** `name` with a password beside it, `name:password`, or `name` alone, and the password is asked for. */
export async function credentialsOf(
  user: string,
  password: string,
  prompt: string,
  terminal: Pick<Invocation, "input" | "output">,
): Promise<Credentials | undefined> {
  if (user === "") return undefined;
  if (password !== "") return { user, password };
  const colon = user.indexOf(":");
  if (colon >= 0) return { user: user.slice(0, colon), password: user.slice(colon + 1) };
  const { askPassword } = await import("./password.ts");
  return { user, password: await askPassword(prompt, terminal) };
}
