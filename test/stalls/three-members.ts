import { Server } from "@quorate/testkit/process";

/** Three members of one new cluster, not yet started. */
export async function threeMembers(command: readonly string[], flags: readonly string[]): Promise<Server[]> {
  const args = [...flags];
  const servers: Server[] = [];
  // One after the other, so that no two are given the same ports.
  for (const name of ["m1", "m2", "m3"]) servers.push(await Server.create({ command, name, args }));
  const all = servers.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`).join(",");
  // Of a flag that is given twice the last one counts.
  args.push("--initial-cluster", all);
  return servers;
}
