/** Makes one file of all that a program's start would load from hundreds. See docs/decisions/0005-start-from-one-file.md. */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { type Plugin, rolldown } from "rolldown";
import { encodeBundle, type Input, inputAt } from "./bundle-file.ts";

/** The package with native parts, which it finds beside its own files, and those that most starts do not come to need. */
const NOT_BUNDLED = ["@node-rs/crc32", "prom-client", "s3mini", "yaml"];
/**
 * Loaded by `require` where an `import` of them is evaluated: to import these builtins as ES modules reads all that they
 * export, some of which loads more.
 */
const DEFERRED = ["node:http", "node:https"];
/** Programs that are started for one request: of all builtins they load those that the request comes to need. */
const SHORT_LIVED = ["ctl.ts", "utl.ts"];
/**
 * What they have for `performance.now`, whose first use loads 12 builtins (3 ms of CPU). It begins to count elsewhere, which
 * makes no difference to whoever compares two times.
 */
const NOW_MS = "nowMs$";
const DEFERRED_PREFIX = "\0deferred:";

/**
 * Bundles what lies behind `entry` in the checkout at `root` into `file`, whose folder exists. The file appears whole or not at all; several processes
 * may do this at the same time. Throws when the sources have mistakes that a bundler sees, or the file cannot be written.
 */
export async function buildBundle(root: string, entry: string, file: string): Promise<void> {
  const inputs = [...bundlerInputs(), ...workspaceFiles(root)];
  const isShortLived = SHORT_LIVED.includes(path.basename(entry));
  const bundle = await rolldown({
    input: entry,
    platform: "node",
    tsconfig: false,
    external: NOT_BUNDLED,
    transform: {
      typescript: { onlyRemoveTypeImports: true },
      ...(isShortLived && { define: { "performance.now": NOW_MS } }),
    },
    plugins: [readSources(root, inputs), deferLoading(isShortLived), nameSources(root)],
    logLevel: "silent",
  });
  try {
    const { output } = await bundle.generate({
      format: "esm",
      codeSplitting: false,
      ...(isShortLived && { intro: `const ${NOW_MS} = () => Number(process.hrtime.bigint()) / 1e6;` }),
    });
    if (output.length !== 1) throw new Error(`${output.length} files instead of one`);
    replaceFile(file, encodeBundle(root, entry, inputs, toAscii(output[0].code)));
  } finally {
    await bundle.close();
  }
}

/**
 * One character that is not of Latin-1, be it in a comment, and the engine keeps all of a program with two bytes a character:
 * 2.7 MiB more, through which each function is found that is compiled later. In names, strings and regular expressions an escape
 * means the same; programs have no `String.raw` with others in it.
 */
function toAscii(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A bundler that works differently makes a different bundle. */
function bundlerInputs(): Input[] {
  return readdirSync(import.meta.dirname).map((name) => inputAt(path.join(import.meta.dirname, name)));
}

/** They say which file an import from a package of ours means, and of others, the bundler among them, which version is wanted. */
function workspaceFiles(root: string): Input[] {
  return readdirSync(path.join(root, "packages"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => inputAt(path.join(entry.parentPath, entry.name, "package.json")));
}

/**
 * Reads our own sources, and notes each before it is read: one that is changed meanwhile makes the bundle stale. Of a package by
 * others it notes the `package.json`: npm writes it when it installs a version. Packages that are not in the bundle may come and go.
 */
function readSources(root: string, inputs: Input[]): Plugin {
  const packages = path.join(root, "packages") + path.sep;
  const noted = new Set<string>();
  return {
    name: "read-sources",
    load(id) {
      const file = installedPackageFile(id);
      if (file === undefined) {
        if (!id.startsWith(packages)) return null;
        inputs.push(inputAt(id));
        return readFileSync(id, "utf8");
      }
      if (!noted.has(file)) inputs.push(inputAt(file));
      noted.add(file);
      return null;
    },
  };
}

/** The `package.json` of the installed package that the file at `id` is part of; undefined when it is part of none. */
function installedPackageFile(id: string): string | undefined {
  // Nothing before the last one: a package may have packages of its own.
  const folder = /^\/.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0];
  return folder === undefined ? undefined : path.join(folder, "package.json");
}

function deferLoading(all: boolean): Plugin {
  return {
    name: "defer-loading",
    resolveId(id, importer) {
      if (!DEFERRED.includes(id) && !(all && id.startsWith("node:") && id !== "node:module")) return null;
      return importer?.startsWith(DEFERRED_PREFIX) ? { id, external: true } : DEFERRED_PREFIX + id;
    },
    load(id) {
      if (!id.startsWith(DEFERRED_PREFIX)) return null;
      return `module.exports = require(${JSON.stringify(id.slice(DEFERRED_PREFIX.length))});`;
    },
  };
}

/** In the bundle, too, a module is where its source is: workers and other files are found from there. */
function nameSources(root: string): Plugin {
  return {
    name: "name-sources",
    transform: {
      filter: { code: /import\.meta\.(url|dirname|filename)\b/ },
      handler(code, id) {
        if (!id.startsWith(root + path.sep)) return null;
        const values: Record<string, string> = {
          url: pathToFileURL(id).href,
          dirname: path.dirname(id),
          filename: id,
        };
        return code.replace(/import\.meta\.(url|dirname|filename)\b/g, (_, name: string) =>
          JSON.stringify(values[name]),
        );
      },
    },
  };
}

function replaceFile(file: string, content: Uint8Array): void {
  const temporary = `${file}.${randomUUID()}`;
  try {
    const descriptor = openSync(temporary, "wx");
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
