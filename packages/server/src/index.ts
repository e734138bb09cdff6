export { ConfigError } from "./config/errors.ts";
export { FLAG_SECTIONS, type FlagDefinition, type FlagSection } from "./config/flag-table.ts";
export { type ParsedFlags, parseFlags } from "./config/parse-flags.ts";
export { makeServerConfig, type ServerConfig } from "./config/server-config.ts";
export type { TlsSettings } from "./config/tls-settings.ts";
export { createLogger, type Logger, silentLogger } from "./log/logger.ts";
export { Member, type MemberHooks, type MemberOptions } from "./member/member.ts";
