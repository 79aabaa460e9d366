"use strict";
// Arrow keys, space and page keys go from slide to slide; without this script the page scrolls and stops at each.
(() => {
  const slides = [...document.querySelectorAll("article > section, article > section > section")];
  const now = () => slides.reduce((best, slide, place) => (slide.getBoundingClientRect().top < innerHeight / 3 ? place : best), 0);
  const go = step => slides[Math.min(Math.max(now() + step, 0), slides.length - 1)].scrollIntoView();
  const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
  addEventListener("keydown", event => {
    if (!(event.key in steps) || event.target.closest("input, button, select")) return;
    event.preventDefault();
    go(steps[event.key]);
  });
})();
