import fs from "node:fs/promises";

/** File systems that ask neither a network nor another process, as Linux numbers them. */
const LOCAL_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0xef53, // ext2 to ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x01021994, // tmpfs, where Kubernetes puts secrets
  0x858458f6, // ramfs
  0x794c7630, // overlayfs, of containers
]);

/** Whether to look at the file keeps nobody waiting, so that it may be done on the event loop. Rejects when there is none. */
export async function isLocalFile(path: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  return LOCAL_FILE_SYSTEMS.has((await fs.statfs(path)).type);
}
