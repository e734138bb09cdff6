import path from "node:path";

/** The folder that this repository is checked out in. */
export const repositoryRoot = path.resolve(import.meta.dirname, "../../..");
