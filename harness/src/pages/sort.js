"use strict";
// Sorts a table by the column whose heading is pressed: numbers from the most, again the other way round.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = head.closest("table"), body = table.tBodies[0];
    const column = [...head.parentNode.children].indexOf(head);
    const falling = head.getAttribute("aria-sort") !== "descending";
    const key = row => row.children[column].dataset.key ?? row.children[column].textContent;
    const order = (one, two) => {
      const [a, b] = [key(one), key(two)];
      // What is not known comes last either way.
      if (a === "" || b === "") return (a === "") - (b === "");
      const way = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
      return falling ? -way : way;
    };
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    body.append(...[...body.rows].sort(order));
  });
}
