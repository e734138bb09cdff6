import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Timeline } from "./timeline.ts";

const PAGE = path.join(import.meta.dirname, "page");

/** Writes `timeline` as a page that needs nothing but a browser. Throws when the file cannot be written. */
export async function writePage(timeline: Timeline, file: string): Promise<void> {
  writeFileSync(file, await renderPage(timeline));
}

/** The page's HTML: its data are the JSON in the element `timeline`. */
export async function renderPage(timeline: Timeline): Promise<string> {
  // Inside a script, only what looks like a tag could end it.
  const data = JSON.stringify(timeline).replaceAll("<", "\\u003c");
  const inlined: readonly (readonly [reference: string, content: string])[] = [
    ["<title>Timeline</title>", `<title>${escapeHtml(timeline.title)}</title>`],
    ['<link rel="stylesheet" href="page.css">', `<style>\n${readPart("page.css")}</style>`],
    [
      '<script id="timeline" type="application/json">{}</script>',
      `<script id="timeline" type="application/json">${data}</script>`,
    ],
    ['<script src="main.ts"></script>', `<script>\n${await bundleProgram()}</script>`],
  ];
  let page = readPart("page.html");
  for (const [reference, content] of inlined) {
    if (!page.includes(reference)) throw new Error(`page.html has no ${reference}`);
    page = page.replace(reference, () => content);
  }
  return page;
}

function readPart(name: string): string {
  return readFileSync(path.join(PAGE, name), "utf8");
}

async function bundleProgram(): Promise<string> {
  // Runs that are not shown need not load it.
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({ input: path.join(PAGE, "main.ts"), tsconfig: false, logLevel: "silent" });
  try {
    const { output } = await bundle.generate({ format: "iife" });
    return output[0].code.replaceAll("</script", "<\\/script");
  } finally {
    await bundle.close();
  }
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
