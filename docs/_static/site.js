"use strict";
// What is wider than the screen scrolls inside its box: the keyboard must reach it too.
addEventListener("load", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .cell_output, .sheet, .formula")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
  for (const fold of document.querySelectorAll("summary[aria-label]")) fold.removeAttribute("aria-label"); // its text names it
});
