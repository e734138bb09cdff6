// What is tested of every backend on disk, of this one.
process.env.QUORATE_BACKEND = "bbolt";
await import("../backend/backend-faults.test.ts");
await import("../backend/backend.property.test.ts");
await import("../backend/slow-commits.test.ts");
await import("../backend/corruption.test.ts");
