/**
 * Stands for a member in the tests of `quorate dev`: takes the same flags, answers /health, and misbehaves when told to:
 * `--die NAME` ends that member with 3 once /health has been asked, `--deaf NAME` ignores SIGTERM.
 */
import http from "node:http";

function flag(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

const name = flag("name")!;
const url = new URL(flag("listen-client-urls")!);
console.error(`${name} has ${flag("initial-cluster")}`);
console.error(
  `${name} sees ${process.env.ETCD_NAME ?? "no"} name and ${process.env.ETCD_LOG_LEVEL ?? "no"} level`,
);
http
  .createServer((_, response) => {
    if (flag("die") === name) {
      process.stderr.write("a last word without a newline");
      process.exit(3);
    }
    response.end('{"health":"true"}');
  })
  .listen(Number(url.port), url.hostname);
process.on("SIGTERM", () => {
  if (flag("deaf") === name) {
    console.log(`${name} heard`);
    return;
  }
  console.log(`${name} stops`);
  process.exit(0);
});
