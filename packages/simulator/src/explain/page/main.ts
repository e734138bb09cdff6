/** The page's program: shows the timeline that is in the page. */
import type { Timeline } from "../timeline.ts";
import { Chart } from "./chart.ts";
import { byId } from "./elements.ts";
import { fillSidebar, showTime, spanAround } from "./sidebar.ts";
import { View } from "./view.ts";

const timeline = JSON.parse(byId("timeline").textContent!) as Timeline;
const view = new View(timeline);
const chart = new Chart(view, () => showTime(view));
fillSidebar(view, { changed: () => chart.redraw(), jumpTo: (atMs, spanMs) => chart.jumpTo(atMs, spanMs) });
const [violation] = timeline.violations;
const showViolation = byId<HTMLButtonElement>("show-violation");
showViolation.disabled = violation === undefined;
showViolation.addEventListener("click", () => jumpToViolation());
if (violation === undefined) showTime(view);
else jumpToViolation();

function jumpToViolation(): void {
  chart.jumpTo(violation!.atMs, spanAround(violation!));
}
