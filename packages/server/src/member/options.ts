import { parseFlags } from "../config/parse-flags.ts";
import { makeServerConfig, type ServerConfig } from "../config/server-config.ts";

/**
 * What an embedding program may set: every setting of a member, all optional but the data directory. Unlike the
 * command's, the defaults listen on free ports of the loopback address.
 */
export type MemberOptions = { readonly dataDir: string } & {
  readonly [Name in Exclude<
    keyof ServerConfig,
    "warnings" | "given" | "settings" | "dataDir"
  >]?: ServerConfig[Name];
};

const ANY_LOOPBACK_PORT = ["http://127.0.0.1:0"];

/** Fills in the defaults. Throws `ConfigError` for settings that contradict each other. */
export function configFromOptions(options: MemberOptions): ServerConfig {
  const defaults = makeServerConfig(parseFlags([], {}));
  const name = options.name ?? defaults.name;
  const initialAdvertisePeerUrls = options.initialAdvertisePeerUrls ?? defaults.initialAdvertisePeerUrls;
  return Object.freeze({
    ...defaults,
    walDir: `${options.dataDir}/member/wal`,
    listenClientUrls: ANY_LOOPBACK_PORT,
    listenPeerUrls: ANY_LOOPBACK_PORT,
    initialCluster: [{ name, peerUrls: initialAdvertisePeerUrls }],
    ...(options.discovery?.kind === "service" && { initialClusterToken: options.discovery.token }),
    ...options,
  });
}

/** A parsed configuration carries warnings; plain options never do. */
export function isServerConfig(value: MemberOptions | ServerConfig): value is ServerConfig {
  return "warnings" in value;
}
