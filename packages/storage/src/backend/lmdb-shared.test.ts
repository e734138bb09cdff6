// What is tested of every backend on disk, of LMDB's.
process.env.QUORATE_BACKEND = "lmdb";
await import("./backend-faults.test.ts");
await import("./backend.property.test.ts");
await import("./slow-commits.test.ts");
await import("./corruption.test.ts");
