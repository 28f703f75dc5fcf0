"use strict";
// Hover and arrow keys for the drawings, and the copy buttons.
// Without this script the page shows everything except the hover values.

const SVG = "http:" + "//www.w3.org/2000/svg";

/** Puts `text` into `element`, with σ_w and its like as subscripts and a new line for each part. */
function say(element, parts) {
  element.replaceChildren();
  for (const part of parts) {
    const line = document.createElement("div");
    for (const piece of part.split(/(?<=[σξχ])(_.)/u)) {
      if (piece.startsWith("_") && line.lastChild) {
        const sub = document.createElement("sub");
        sub.textContent = piece.slice(1);
        line.append(sub);
      } else {
        line.append(piece);
      }
    }
    element.append(line);
  }
}

/** The cells and marks of one figure, whichever of its drawings is shown. */
class Chart {
  constructor(figure) {
    this.box = figure.querySelector(".drawing");
    this.readout = figure.querySelector(".readout");
    const data = JSON.parse(figure.querySelector("script").textContent);
    this.values = data.values;
    this.views = ["wide", "narrow"].map((name) => ({
      svg: this.box.querySelector("svg." + name),
      cells: data[name].cells,
      marks: data[name].marks || [],
    }));
    this.column = this.row = this.index = 0;
    this.box.addEventListener("pointermove", (event) => this.point(event));
    this.box.addEventListener("pointerdown", (event) => this.point(event));
    this.box.addEventListener("pointerleave", () => this.hide());
    this.box.addEventListener("blur", () => this.hide());
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  view() {
    return this.views.find((view) => view.svg.getClientRects().length > 0) || this.views[0];
  }

  /** Canvas units for one pixel of the window, and where the drawing lies in the box. */
  place(view) {
    const [box, drawn] = [this.box.getBoundingClientRect(), view.svg.getBoundingClientRect()];
    const { width, height } = view.svg.viewBox.baseVal;
    const unit = Math.max(width / drawn.width, height / drawn.height);
    // A drawing that is lower than its box is centred in it.
    const left = drawn.left + (drawn.width - width / unit) / 2;
    const top = drawn.top + (drawn.height - height / unit) / 2;
    return { unit, left, top, box };
  }

  point(event) {
    const view = this.view();
    const { unit, left, top } = this.place(view);
    const [x, y] = [(event.clientX - left) * unit, (event.clientY - top) * unit];
    const near = this.nearest(view, x, y, 18 * unit);
    const { cells } = view;
    if (cells && near === undefined) {
      const { edges } = cells;
      const inside = x >= edges[0] && x <= edges[edges.length - 1] && y >= cells.top && y <= cells.bottom;
      if (!inside) return this.hide();
      this.column = Math.max(0, edges.findIndex((edge) => edge > x) - 1);
      if (x >= edges[edges.length - 1]) this.column = edges.length - 2;
      const share = (cells.bottom - y) / (cells.bottom - cells.top);
      this.row = Math.min(this.values.layers - 1, Math.floor(share * this.values.layers));
      return this.showCell(view);
    }
    if (near === undefined) return this.hide();
    this.index = near;
    this.showMark(view);
  }

  /** Returns the closest mark within `reach`; over cells the pointer must be closer. */
  nearest(view, x, y, reach) {
    let [best, least] = [undefined, view.cells ? reach / 3 : reach];
    view.marks.forEach((mark, index) => {
      const distance = Math.hypot(mark.x - x, mark.y - y);
      if (distance < least) [best, least] = [index, distance];
    });
    return best;
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Escape") return this.hide();
    if (!step) return;
    event.preventDefault();
    const view = this.view();
    const within = (value, count) => Math.max(0, Math.min(count - 1, value));
    // The first key shows the current position; later keys move it.
    const moved = this.readout.hidden ? [0, 0] : step;
    if (view.cells) {
      this.column = within(this.column + moved[0], this.values.heads.length);
      this.row = within(this.row + moved[1], this.values.layers);
      this.showCell(view);
    } else if (view.marks.length > 0) {
      this.index = within(this.index + moved[0] + moved[1], view.marks.length);
      this.showMark(view);
    }
  }

  showCell(view) {
    const { edges, top, bottom } = view.cells;
    const { name, unit, bars, layers, heads, notes, mean, low, high } = this.values;
    const at = (table) => (table && table[this.column] ? table[this.column][this.row] : undefined);
    const value = at(mean);
    const range = low && at(low) !== at(high) ? ` (${at(low)} to ${at(high)}, ${bars})` : "";
    const text = value === undefined || value === null ? "no result" : `${value}${unit ? " " + unit : ""}${range}`;
    const height = (bottom - top) / layers;
    const [x, y] = [edges[this.column], bottom - (this.row + 1) * height];
    const rect = { x, y, width: Math.max(edges[this.column + 1] - x, 4), height: Math.max(height, 4) };
    this.outline(view, "rect", rect);
    const head = `${heads[this.column]}, depth ${this.row + 1}`;
    this.show(view, x + rect.width / 2, y + height / 2, [head, `${name}: ${text}`, notes[this.column]]);
  }

  showMark(view) {
    const { x, y, text } = view.marks[this.index];
    this.outline(view, "circle", { cx: x, cy: y, r: 28 });
    this.show(view, x, y, text.split(/: (?=.)|; /));
  }

  outline(view, kind, attributes) {
    this.unmark();
    this.mark = document.createElementNS(SVG, kind);
    const style = { fill: "none", stroke: "#ff2d95", "stroke-width": 8 };
    for (const [name, value] of Object.entries({ ...attributes, ...style })) this.mark.setAttribute(name, value);
    view.svg.append(this.mark);
  }

  /** Shows the readout beside a place of the drawing, on the side with more room. */
  show(view, x, y, parts) {
    const { unit, left, top, box } = this.place(view);
    const [px, py] = [left - box.left + x / unit, top - box.top + y / unit];
    say(this.readout, parts);
    this.readout.hidden = false;
    const { offsetWidth, offsetHeight } = this.readout;
    const beside = px > box.width / 2 ? px - offsetWidth - 14 : px + 14;
    this.readout.style.left = Math.max(0, Math.min(box.width - offsetWidth, beside)) + "px";
    this.readout.style.top = Math.max(0, Math.min(box.height - offsetHeight, py - offsetHeight - 8)) + "px";
  }

  unmark() {
    if (this.mark) this.mark.remove();
    this.mark = undefined;
  }

  hide() {
    this.unmark();
    this.readout.hidden = true;
  }
}

for (const figure of document.querySelectorAll("figure.chart")) new Chart(figure);

/** Copies through the clipboard, or by a selection where a page from disk may not use it. */
async function copy(pre) {
  try {
    await navigator.clipboard.writeText(pre.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(pre);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll(".copied button")) {
  button.addEventListener("click", async () => {
    await copy(button.parentElement.querySelector("pre"));
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// Printing opens all collapsed sections.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
