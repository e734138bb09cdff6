import { readdirSync } from "node:fs";
import path from "node:path";
import { repositoryRoot } from "@quorate/testkit/target";

/** The documents that the site begins with, without their ending, sorted. */
export function pages(): readonly string[] {
  return readdirSync(path.join(repositoryRoot, "docs"))
    .filter((name) => name.endsWith(".md") && name !== "index.md")
    .map((name) => name.slice(0, -".md".length))
    .sort();
}
