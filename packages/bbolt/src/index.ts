export { Bucket, type BucketName } from "./bucket/bucket.ts";
export { Cursor } from "./bucket/cursor.ts";
export { Database, type DatabaseOptions } from "./database/database.ts";
export { ReadTransaction } from "./database/read-transaction.ts";
export { WriteTransaction } from "./database/write-transaction.ts";
export type { Disk, File } from "./disk/disk.ts";
export { RealDisk } from "./disk/real-disk.ts";
export { DatabaseError, type DatabaseFailure, DatabaseFileError } from "./format/errors.ts";
