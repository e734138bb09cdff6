/** The headings under which etcdctl's help has its commands, in their order. */
export const GROUPS = {
  keys: "Key-value commands",
  maintenance: "Cluster maintenance commands",
  concurrency: "Concurrency commands",
  authentication: "Authentication commands",
  utilities: "Utility commands",
} as const;
