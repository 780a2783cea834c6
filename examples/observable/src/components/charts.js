import * as Plot from "@observablehq/plot";
import { month, number } from "./format.js";

export const COLORS = { value: "#1d6f5c", light: "#9ccdc0", won: "#2f9e6e", lost: "#c8553d", other: "#8a979c" };
const STAGES = ["#d4e8e1", "#b3d8cc", "#8fc5b5", "#67ae9b", "#409380", "#1d6f5c", "#15574a", "#0d4036"];
const base = { marginLeft: 52, height: 260, style: { fontSize: "12px", background: "none" } };
const amounts = { label: null, grid: true, tickFormat: "s", ticks: 5 };

/** The months that have room for their name. */
const ticks = (all, width) => {
  const step = Math.ceil((all.length * 72) / Math.max(width - 60, 72));
  return all.filter((_, place) => place % step === 0);
};

/** The open pipeline over time, and its weighted value. */
export function trend(rows, width) {
  const day = (row) => new Date(row.day);
  return Plot.plot({
    ...base,
    width,
    x: { label: null, type: "utc" },
    y: { ...amounts, zero: true },
    color: { domain: ["value", "weighted value"], range: [COLORS.light, COLORS.value], legend: true },
    marks: [
      Plot.areaY(rows, { x: day, y: "value", fill: COLORS.light, fillOpacity: 0.45 }),
      Plot.lineY(rows, { x: day, y: "value", stroke: () => "value", strokeWidth: 2 }),
      Plot.lineY(rows, { x: day, y: "weighted_value", stroke: () => "weighted value", strokeWidth: 2 }),
      Plot.ruleY([0]),
      Plot.tip(rows, Plot.pointerX({ x: day, y: "value", title: (row) => `${row.day}\n${number(row.deals)} deals\n${number(row.value)}` })),
    ],
  });
}

/**
 * Bars per month, stacked by `series`.
 *
 * The rows have `month` and `value`. `domain` has the months, `order` the series from the bottom to
 * the top, and `range` their colors.
 */
export function monthBars(rows, { width, domain, series, order, range = STAGES }) {
  return Plot.plot({
    ...base,
    width,
    x: { label: null, type: "band", domain, tickFormat: month, ticks: ticks(domain, width) },
    y: amounts,
    color: { domain: order, range: spread(range, order.length), legend: order.length > 1 },
    marks: [
      Plot.barY(rows, {
        x: "month", y: "value", fill: series, order, inset: 0.5, tip: true,
        title: (row) => `${month(row.month)}\n${row[series]}: ${number(row.value)}`,
      }),
      Plot.ruleY([0]),
    ],
  });
}

/** `count` colors of a range, from its first to its last. */
const spread = (range, count) =>
  range.length <= count || count < 2
    ? range
    : Array.from({ length: count }, (_, place) => range[Math.round((place * (range.length - 1)) / (count - 1))]);

/** Horizontal bars: the value of each group, and the weighted part of it. */
export function groupBars(rows, { width, y, order }) {
  return Plot.plot({
    ...base,
    width,
    marginLeft: 160,
    marginRight: 90,
    height: 54 + 34 * order.length,
    x: { ...amounts, axis: "top", ticks: 3 },
    y: { label: null, domain: order, padding: 0.25 },
    color: { domain: ["value", "weighted value"], range: [COLORS.light, COLORS.value], legend: true },
    marks: [
      Plot.barX(rows, { x: "value", y, fill: () => "value" }),
      Plot.barX(rows, { x: "weighted_value", y, fill: () => "weighted value", insetTop: 7, insetBottom: 7 }),
      Plot.text(rows, { x: "value", y, text: (row) => `${number(row.value)} (${row.deals})`, textAnchor: "start", dx: 6 }),
      Plot.ruleX([0]),
    ],
  });
}

/** A waterfall. `steps` have a name and a value; a step with `balance` starts at 0. */
export function waterfall(steps, width) {
  let reached = 0;
  const bars = steps.map((step, place) => {
    const from = step.balance ? 0 : reached;
    reached = from + step.value;
    const kind = step.balance ? "balance" : step.value < 0 ? "down" : "up";
    return { ...step, place, from, to: reached, kind };
  });
  const names = steps.map((step) => step.name);
  return Plot.plot({
    ...base,
    width,
    height: 380,
    marginTop: 28,
    marginBottom: 44,
    x: { label: null, domain: names, padding: 0.25 },
    y: amounts,
    color: { domain: ["balance", "up", "down"], range: [COLORS.value, COLORS.won, COLORS.lost] },
    marks: [
      Plot.barY(bars, { x: "name", y1: "from", y2: "to", fill: "kind", fillOpacity: (bar) => (bar.kind === "balance" ? 1 : 0.8) }),
      Plot.text(bars, {
        x: "name", y: (bar) => Math.max(bar.from, bar.to), dy: -10, fontWeight: 600,
        text: (bar) => (bar.kind === "up" ? `+${number(bar.value)}` : number(bar.value)),
      }),
      Plot.ruleY([0]),
    ],
  });
}

/** Horizontal bars of shares from 0 to 1, each with a text. */
export function shareBars(rows, { width, y, share, text }) {
  return Plot.plot({
    ...base,
    width,
    marginLeft: 230,
    marginRight: 90,
    height: 40 + 28 * rows.length,
    x: { label: null, domain: [0, 1], tickFormat: "%", grid: true, axis: "top", ticks: 3 },
    y: { label: null, domain: rows.map((row) => row[y]), padding: 0.3 },
    marks: [
      Plot.barX(rows, { x: share, y, fill: COLORS.value }),
      Plot.text(rows, { x: share, y, text, textAnchor: "start", dx: 6 }),
      Plot.ruleX([0]),
    ],
  });
}
