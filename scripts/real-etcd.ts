/** Finds or builds the programs of a real etcd and prints their paths as JSON: `node scripts/real-etcd.ts [VERSION...]`. */
import { ETCD_VERSION, realEtcd } from "@quorate/testkit/etcd";

if (import.meta.main) {
  const versions = process.argv.length > 2 ? process.argv.slice(2) : [ETCD_VERSION];
  for (const version of versions) {
    const result = realEtcd((line) => console.error(line), version);
    if ("missing" in result) {
      console.error(result.missing);
      process.exitCode = 1;
    } else console.log(JSON.stringify(result.found, null, 2));
  }
}
