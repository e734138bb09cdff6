import { describe, seconds } from "./describe.ts";
import { draw } from "./draw.ts";
import { byId } from "./elements.ts";
import { find } from "./find.ts";
import { AXIS_PX, GUTTER_PX, type View } from "./view.ts";

const ZOOM_STEP = 1.25;
const PAN_STEP_PX = 80;
/** What moves less than this is a click. */
const CLICK_PX = 4;
/** The part of what is shown that comes before what is jumped to. */
const BEFORE = 0.75;

/** The canvas, and what the pointer and the keys do on it. */
export class Chart {
  readonly #view: View;
  readonly #canvas = byId<HTMLCanvasElement>("canvas");
  readonly #context = this.#canvas.getContext("2d")!;
  readonly #details = byId("details");
  readonly #timeSelected: () => void;
  #isDrawing = false;

  /** `timeSelected` is called when `view.cursorMs` has changed. */
  constructor(view: View, timeSelected: () => void) {
    this.#view = view;
    this.#timeSelected = timeSelected;
    new ResizeObserver(() => this.redraw()).observe(this.#canvas);
    this.#canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#canvas.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#canvas.addEventListener("pointermove", (event) => this.#hover(event));
    this.#canvas.addEventListener("pointerleave", () => this.#leave());
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    byId("show-all").addEventListener("click", () => this.showAll());
    byId("zoom-in").addEventListener("click", () => this.#zoom(1 / ZOOM_STEP));
    byId("zoom-out").addEventListener("click", () => this.#zoom(ZOOM_STEP));
  }

  /** Draws soon, and once for all that asks for it until then. */
  redraw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  showAll(): void {
    this.#view.scale.showAll();
    this.redraw();
  }

  /** Selects a time and shows what came before and after it, for `spanMs`. */
  jumpTo(atMs: number, spanMs: number): void {
    this.#view.scale.show(atMs - BEFORE * spanMs, atMs + (1 - BEFORE) * spanMs);
    this.#select(atMs);
  }

  #select(atMs: number): void {
    this.#view.cursorMs = atMs;
    this.#timeSelected();
    this.redraw();
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const { scale } = this.#view;
    const ratio = window.devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    scale.place(GUTTER_PX, width - GUTTER_PX);
    this.#view.layOut(height - AXIS_PX);
    this.#scroll(0);
    const messages = draw(this.#context, this.#view, width, height);
    byId("range").textContent =
      `${seconds(Math.max(0, scale.fromMs))} to ${seconds(scale.toMs)}, ${messages} messages`;
  }

  #scroll(byPx: number): void {
    const most = Math.max(0, this.#view.heightPx + AXIS_PX - this.#canvas.clientHeight);
    this.#view.scrollPx = Math.min(most, Math.max(0, this.#view.scrollPx + byPx));
  }

  #zoom(factor: number, x = (this.#view.scale.leftPx + this.#view.scale.rightPx) / 2): void {
    this.#view.scale.zoom(factor, x);
    this.redraw();
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    if (event.shiftKey) this.#scroll(event.deltaY || event.deltaX);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.#view.scale.pan(event.deltaX);
    else this.#view.scale.zoom(ZOOM_STEP ** Math.sign(event.deltaY), event.offsetX);
    this.redraw();
  }

  #drag(start: PointerEvent): void {
    let { offsetX: x, offsetY: y } = start;
    let moved = 0;
    this.#canvas.setPointerCapture(start.pointerId);
    const move = (event: PointerEvent) => {
      moved += Math.abs(event.offsetX - x) + Math.abs(event.offsetY - y);
      this.#view.scale.pan(x - event.offsetX);
      this.#scroll(y - event.offsetY);
      ({ offsetX: x, offsetY: y } = event);
      this.redraw();
    };
    const end = () => {
      this.#canvas.removeEventListener("pointermove", move);
      if (moved < CLICK_PX && x > GUTTER_PX) this.#select(this.#view.scale.ms(x));
    };
    this.#canvas.addEventListener("pointermove", move);
    this.#canvas.addEventListener("pointerup", end, { once: true });
  }

  #hover(event: PointerEvent): void {
    const found = find(this.#view, event.offsetX, event.offsetY);
    this.#view.hovered = found;
    this.#details.hidden = found === undefined;
    if (found !== undefined) {
      this.#details.textContent = describe(this.#view, found);
      this.#place(event.clientX, event.clientY);
    }
    this.redraw();
  }

  /** Beside the pointer, where there is room. */
  #place(x: number, y: number): void {
    const { offsetWidth, offsetHeight, style } = this.#details;
    style.left = `${Math.min(x + 14, window.innerWidth - offsetWidth - 8)}px`;
    style.top = `${y + 18 + offsetHeight > window.innerHeight ? y - offsetHeight - 10 : y + 18}px`;
  }

  #leave(): void {
    this.#view.hovered = undefined;
    this.#details.hidden = true;
    this.redraw();
  }

  #key({ key }: KeyboardEvent): void {
    const { scale } = this.#view;
    if (key === "ArrowLeft") scale.pan(-PAN_STEP_PX);
    else if (key === "ArrowRight") scale.pan(PAN_STEP_PX);
    else if (key === "ArrowUp") this.#scroll(-PAN_STEP_PX);
    else if (key === "ArrowDown") this.#scroll(PAN_STEP_PX);
    else if (key === "+") this.#zoom(1 / ZOOM_STEP);
    else if (key === "-") this.#zoom(ZOOM_STEP);
    else return;
    this.redraw();
  }
}
