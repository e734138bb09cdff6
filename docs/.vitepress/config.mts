/** The pages beside this folder as a site: `node scripts/run-suite.ts docs-site` builds it. */
export default {
  title: "Quorate",
  description: "A strongly consistent key-value store for the metadata of distributed systems",
  lang: "en",
  cacheDir: "../node_modules/.cache/vitepress",
  // Pages also speak of files of the repository, which are not part of the site.
  ignoreDeadLinks: [
    /^(\.\/)?(\.\.\/)+(packages|test|scripts|packaging|README|ARCHITECTURE|CONTRIBUTING|TERMINOLOGY)/,
  ],
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: [
      {
        text: "Running it",
        items: [
          { text: "Operating a cluster", link: "/operating-a-cluster" },
          { text: "Configuration", link: "/configuration" },
          { text: "Packaging", link: "/packaging" },
          { text: "Backups", link: "/backups" },
          { text: "Migrating from etcd", link: "/migrating-from-etcd" },
          { text: "The gRPC proxy", link: "/grpc-proxy" },
          { text: "Tracing", link: "/tracing" },
          { text: "Access and audit", link: "/access-and-audit" },
        ],
      },
      {
        text: "Asking it",
        items: [
          { text: "Limits", link: "/limits" },
          { text: "HTTP for people", link: "/http-for-people" },
          { text: "The command line", link: "/command-line" },
        ],
      },
      {
        text: "Trusting it",
        items: [
          { text: "Suites of others", link: "/foreign-suites" },
          { text: "Security advisories", link: "/security-advisories" },
          { text: "Stalls", link: "/stalls" },
          { text: "Benchmarks", link: "/benchmarks" },
        ],
      },
    ],
  },
};
