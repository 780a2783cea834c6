import { html } from "htl";
import { number } from "./format.js";

/** The line below a page's title: whose data it is, and up to when it is complete. */
export function about([account]) {
  const until = account.complete_until;
  return html`<p>${account.is_sandbox ? html`<span class="invented">Invented data</span>` : null}${account.company_name},
    ${until ? `deals complete until ${until}` : "the first load of deals is not finished"}</p>`;
}

/** A select box. The browser tab keeps the choice, also on other pages. */
export function choice(label, options) {
  const key = `choice: ${label}`;
  const kept = sessionStorage.getItem(key);
  const select = html`<select>${options.map((option) => html`<option>${option}</option>`)}</select>`;
  const form = html`<label>${label} ${select}</label>`;
  select.value = options.includes(kept) ? kept : (options[0] ?? "");
  form.value = select.value;
  select.oninput = () => {
    form.value = select.value;
    sessionStorage.setItem(key, select.value);
  };
  return form;
}

/** A figure with its label, its unit and a remark. */
export function figure(label, value, { unit = "", remark = "" } = {}) {
  return html`<div class="card figure"><div class="label">${label}</div>
    <div class="number">${typeof value === "number" ? number(value) : value} <small>${unit}</small></div>
    <div class="remark">${remark}</div></div>`;
}

/**
 * A table.
 *
 * `columns` maps headings to functions of a row; a function may return an element. Columns named in
 * `numbers` are aligned to the right, those in `long` are wrapped. `total` is a last row.
 */
export function table(rows, columns, { numbers = [], long = [], total = null, empty = "None." } = {}) {
  if (!rows.length) return html`<p class="empty">${empty}</p>`;
  const style = (heading) => (numbers.includes(heading) ? "number" : long.includes(heading) ? "long" : "");
  const cells = (row) =>
    Object.entries(columns).map(([heading, of]) => html`<td class=${style(heading)}>${of(row)}</td>`);
  return html`<div class="table"><table>
    <thead><tr>${Object.keys(columns).map((heading) => html`<th class=${style(heading)}>${heading}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}
    ${total ? html`<tr class="total">${cells(total)}</tr>` : null}</tbody></table></div>`;
}

/** A link to a record in Pipedrive; only its name if there is no address. */
export const link = (name, url) =>
  url ? html`<a href=${url} target="_blank" rel="noopener">${name || "(no name)"}</a>` : name;
