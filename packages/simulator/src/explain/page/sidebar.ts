import type { Violation } from "../timeline.ts";
import { seconds, stateAt } from "./describe.ts";
import { byId, checkbox, element, swatch } from "./elements.ts";
import { lastAt } from "./ordered.ts";
import { COLOURS, messageColour, OUTCOME_COLOURS, ROLE_COLOURS } from "./palette.ts";
import type { View } from "./view.ts";

/** Lines of the log before and after the selected time. */
const LINES_BEFORE = 8;
const LINES_AFTER = 4;
const FAULT_SPAN_MS = 2_000;
const COMPACT = new Intl.NumberFormat("en", { notation: "compact" });

export interface SidebarEvents {
  /** What is shown has been chosen otherwise. */
  changed(): void;
  /** A time was chosen, to be looked at with as much before and after it. */
  jumpTo(atMs: number, spanMs: number): void;
}

/** Fills everything beside the chart that does not change with the selected time. */
export function fillSidebar(view: View, events: SidebarEvents): void {
  const { timeline } = view;
  byId("title").textContent = timeline.title;
  byId("replay").textContent = timeline.replay;
  byId("copy").addEventListener("click", () => void navigator.clipboard.writeText(timeline.replay));
  byId("notes").append(...timeline.notes.map((note) => element("li", "", note)));
  fillViolations(view, events);
  fillFaults(view, events);
  fillTypes(view, events);
  fillLanes(view, events);
  fillLegend();
}

/** Shows what members were at the selected time, and what was logged about then. */
export function showTime(view: View): void {
  const { timeline, cursorMs } = view;
  byId("time").textContent = seconds(cursorMs);
  const head = element("tr", "", ...HEADINGS.map((text) => element("th", "", text)));
  const rows = timeline.members.map((name, member) => {
    const state = stateAt(view, member, cursorMs);
    const isUp = state !== undefined && state.role !== "down" && state.role !== "starting";
    const { lastIndex, committed, applied } = (isUp ? state.progress : undefined) ?? {};
    const role = state === undefined ? "" : state.isPaused ? `${state.role}, paused` : state.role;
    const cells = [name, role, isUp ? state.term : "", lastIndex ?? "", committed ?? "", applied ?? ""];
    return element("tr", "", ...cells.map((cell) => element("td", "", `${cell}`)));
  });
  byId("members").replaceChildren(head, ...rows);
  const at = lastAt(timeline.lines, cursorMs) + 1;
  const lines = timeline.lines.slice(Math.max(0, at - LINES_BEFORE), at + LINES_AFTER);
  byId("log").replaceChildren(
    ...lines.map(({ atMs, text }) =>
      element("li", "", element("span", "time", (atMs / 1_000).toFixed(4)), ` ${text}`),
    ),
  );
}

/** As much as shows what led to a violation: calls are short. */
export function spanAround({ call }: Violation): number {
  return call === null ? 2_000 : 300;
}

const HEADINGS = ["", "role", "term", "last", "committed", "applied"];

function fillViolations({ timeline }: View, { jumpTo }: SidebarEvents): void {
  const items = timeline.violations.map((violation) => {
    const { text, atMs, foundMs } = violation;
    const found = atMs === foundMs ? "" : `, found at ${seconds(foundMs)}`;
    const item = element("li", "", element("span", "time", `${seconds(atMs)}${found} `), text);
    item.title = text;
    item.addEventListener("click", () => jumpTo(atMs, spanAround(violation)));
    return item;
  });
  byId("violations").append(...(items.length > 0 ? items : ["none"]));
}

function fillFaults({ timeline }: View, { jumpTo }: SidebarEvents): void {
  const items = timeline.faults.map(({ number, kind, member, startMs, endMs, effects }) => {
    const lasts = `${(endMs - startMs).toFixed(0)} ms`;
    const text = `${number} ${kind} ${timeline.members[member]}, ${lasts}`;
    const item = element("li", "", element("span", "time", `${seconds(startMs)} `), text);
    item.title = effects.join("\n");
    item.addEventListener("click", () => jumpTo(startMs, FAULT_SPAN_MS));
    return item;
  });
  byId("faults").append(...(items.length > 0 ? items : ["none"]));
}

function fillTypes(view: View, { changed }: SidebarEvents): void {
  const { types, type } = view.timeline.messages;
  const counts = types.map(() => 0);
  for (const each of type) counts[each]!++;
  const boxes = types.map((name, i) => {
    const onChange = (isShown: boolean) => {
      if (isShown) view.types.add(i);
      else view.types.delete(i);
      changed();
    };
    const count = element("span", "count", COMPACT.format(counts[i]!));
    return checkbox(view.types.has(i), onChange, swatch(messageColour(name), true), name, count);
  });
  byId("types").append(...(boxes.length > 0 ? boxes : ["none"]));
}

function fillLanes(view: View, { changed }: SidebarEvents): void {
  const names = { clients: "Clients", watchers: "Watchers", progress: "Log progress" } as const;
  for (const name of ["clients", "watchers", "progress"] as const) {
    const onChange = (isShown: boolean) => {
      view.choice = { ...view.choice, [name]: isShown };
      changed();
    };
    byId("lanes").append(checkbox(view.choice[name], onChange, names[name]));
  }
}

function fillLegend(): void {
  const entries: readonly (readonly [text: string, colour: string, isLine?: boolean])[] = [
    ...Object.entries(ROLE_COLOURS).filter(([role]) => role !== "down"),
    ["paused (hatched)", COLOURS.pause],
    ["starts to serve (triangle)", COLOURS.text],
    ["fault", COLOURS.fault],
    ["links not well", COLOURS.links],
    ["call: ok", OUTCOME_COLOURS.ok],
    ["call: outcome unknown", OUTCOME_COLOURS.unknown],
    ["call: failed", OUTCOME_COLOURS.failed],
    ["watch stream", COLOURS.stream],
    ["watch response", COLOURS.delivery, true],
    ["last index", COLOURS.lastIndex, true],
    ["committed", COLOURS.committed, true],
    ["applied", COLOURS.applied, true],
    ["log line", COLOURS.log, true],
    ["message lost (cross)", COLOURS.violation, true],
    ["violation", COLOURS.violation, true],
    ["selected time", COLOURS.cursor, true],
  ];
  byId("legend").append(
    ...entries.map(([text, colour, isLine]) => element("span", "entry", swatch(colour, isLine), text)),
  );
}
