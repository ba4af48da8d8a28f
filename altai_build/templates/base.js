
"use strict";
const sortValue = cell => cell.dataset.sort ?? cell.textContent.trim();
function compareValues(one, other) {
  const numbers = [one, other].map(text => text === "" ? NaN : Number(text));
  return numbers.some(isNaN) ? one.localeCompare(other, "en", { numeric: true }) : numbers[0] - numbers[1];
}
function sortTable(table, column, down) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].map(row => [sortValue(row.cells[column]), row]);
  rows.sort((one, other) => compareValues(one[0], other[0]));
  if (down) rows.reverse();
  body.append(...rows.map(pair => pair[1]));
}
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () =>
      sortTable(table, column, head.getAttribute("aria-sort") === "ascending"));
  });
  if (!table.classList.contains("cards")) continue;
  // Phones show rows as cards, which have no head.
  const label = document.createElement("label"), select = document.createElement("select");
  label.className = "sort-by tools";
  label.append("Sort by ", select);
  select.append(new Option("…", ""));
  heads.forEach((head, column) => select.append(new Option(head.textContent, column)));
  select.addEventListener("change", () => { if (select.value) sortTable(table, Number(select.value), false) });
  (table.closest(".scroll") ?? table).before(label);
}

// A field of class "filter" shows only the rows of the table in its data-table that contain all of its words.
for (const field of document.querySelectorAll("input.filter")) {
  const table = document.getElementById(field.dataset.table), status = document.getElementById(field.dataset.status);
  const rows = [...table.tBodies[0].rows].map(row => [row.textContent.toLowerCase(), row]);
  field.closest(".tools").hidden = false;
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const [text, row] of rows) {
      row.hidden = !words.every(word => text.includes(word));
      if (!row.hidden) count += 1;
    }
    status.textContent = `${count} of ${rows.length} shown`;
  };
  field.addEventListener("input", show);
  // A link to a row that is filtered out shows it.
  addEventListener("hashchange", () => {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (row?.hidden && table.contains(row)) { field.value = ""; show(); row.scrollIntoView(); }
  });
  show();
}

// Paper has nothing to click.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false });
