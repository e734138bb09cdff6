/** What Go says where Node.js says less plainly. */
const TEXTS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  EEXIST: "file exists",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
};

/** `open FILE: no such file or directory` */
export function fileError(operation: string, file: string, error: unknown): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return `${operation} ${file}: ${TEXTS[code] ?? message}`;
}
