const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const monthName = new Intl.DateTimeFormat("en", { month: "short", year: "numeric", timeZone: "UTC" });

/** A number without decimals; a dash if there is none. */
export const number = (value) => (value == null ? "–" : whole.format(value));

/** A number of things, for example 1 deal, 2 deals. */
export const count = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`;

/** A share from 0 to 1 as a percentage; a dash if there is none. */
export const percent = (share) => (share == null ? "–" : `${whole.format(100 * share)} %`);

/** The month of an ISO date, for example Nov 2026. */
export const month = (date) => monthName.format(new Date(date));

/** The first day of the month that is `months` after that of an ISO date, as an ISO date. */
export function firstOfMonth(date, months = 0) {
  const [year, of] = date.split("-").map(Number);
  return new Date(Date.UTC(year, of - 1 + months, 1)).toISOString().slice(0, 10);
}

/** The first days of `count` months, from the one that is `from` months after that of an ISO date. */
export const monthsFrom = (date, from, count) =>
  Array.from({ length: count }, (_, place) => firstOfMonth(date, from + place));

/** The sum of a column; empty values count as 0. */
export const sum = (rows, column) => rows.reduce((total, row) => total + (row[column] ?? 0), 0);

/** The rows grouped by a key: [[key, rows], …], in the order of their first row. */
export function group(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const name = key(row);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return [...groups];
}

/** One row per group, with the sums of the columns. */
export const summed = (groups, name, columns) =>
  groups.map(([key, rows]) => ({
    [name]: key,
    ...Object.fromEntries(columns.map((column) => [column, sum(rows, column)])),
  }));
