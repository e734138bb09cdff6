import { type FlagDefinition, flag } from "./flag-definition.ts";

export const OBSERVABILITY_FLAGS: readonly FlagDefinition[] = [
  flag("enable-pprof", "bool", "false", "Serve profiles of the running member under /debug/pprof/."),
  flag("metrics", "string", "basic", "extensive adds histograms of how long calls take."),
  flag("listen-metrics-urls", "urls", "", "Further URLs to listen on for metrics and health."),
  flag("logger", "string", "zap", "Accepted for compatibility: zap."),
  flag(
    "log-outputs",
    "set",
    "default",
    "Where logs go: default, stderr, stdout, systemd/journal or paths of files.",
  ),
  flag("log-level", "string", "info", "debug, info, warn, error, panic or fatal."),
  flag("log-format", "string", "json", "json or console."),
  flag("enable-log-rotation", "bool", "false", "Rotate the one file among --log-outputs."),
  flag(
    "log-rotation-config-json",
    "string",
    '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    "When the log file is rotated (maxsize in MB) and what is kept (maxage in days, maxbackups; 0: all).",
  ),
  flag("warning-unary-request-duration", "duration", "300ms", "Log unary requests slower than this."),
  flag("warning-apply-duration", "duration", "100ms", "Log applies slower than this."),
  flag("enable-distributed-tracing", "bool", "false", "Send spans of calls to a collector of OpenTelemetry."),
  flag(
    "distributed-tracing-address",
    "string",
    "localhost:4317",
    "Where the collector takes OTLP over gRPC, in plaintext.",
  ),
  flag("distributed-tracing-service-name", "string", "etcd", "Which service the spans are of."),
  flag(
    "distributed-tracing-instance-id",
    "string",
    "",
    "Which instance of the service, if that is to be told.",
  ),
  flag(
    "distributed-tracing-sampling-rate",
    "int",
    "0",
    "So many traces of a million are begun; those of clients are always followed.",
  ),
];
