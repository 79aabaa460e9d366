"use strict";
// Tables sort by a click on a heading and filter by words; runs can be compared with any baseline. Without scripts
// the page reads as it stands.
(() => {
  const number = text => { const found = text.replace(/,/g, "").replace(/−/g, "-").match(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i); return found ? Number(found[0]) : NaN; };
  const make = (name, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(name), attributes);
    element.append(...children);
    return element;
  };

  function makeSortable(table) {
    const body = table.tBodies[0], original = [...body.rows];
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const numeric = head.classList.contains("number");
      const key = row => row.cells[column].textContent.trim();
      const compare = (a, b) => {
        if (!numeric) return key(a).localeCompare(key(b), undefined, { numeric: true });
        const [x, y] = [number(key(a)), number(key(b))];
        return Number.isNaN(x) - Number.isNaN(y) || x - y;
      };
      const button = make("button", { type: "button" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const order = { ascending: "descending", descending: "" }[head.ariaSort] ?? "ascending";
        [...head.parentNode.cells].forEach(other => other.removeAttribute("aria-sort"));
        if (order) head.setAttribute("aria-sort", order);
        const rows = order ? [...original].sort(compare) : original;
        body.append(...(order === "descending" ? rows.reverse() : rows));
      });
      head.replaceChildren(button);
    });
  }

  function makeFilter(table) {
    if (table.tBodies[0].rows.length < 8) return;
    const field = make("input", { type: "search", size: 18 });
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every(word => text.includes(word));
      }
    });
    (table.closest(".wide") ?? table).before(make("div", { className: "tools" }, make("label", {}, "Only rows with ", field)));
  }

  function enliven(table) {
    if (!table.tHead || !table.tBodies[0] || table.tBodies[0].rows.length < 2) return;
    makeSortable(table);
    makeFilter(table);
  }

  function compareRuns(place, facts) {
    const select = (label, names) => {
      const field = make("select", {}, ...names.map(name => make("option", { value: name, textContent: name })));
      tools.append(make("label", {}, `${label} `, field));
      field.addEventListener("change", show);
      return field;
    };
    const tools = make("div", { className: "tools" }), answer = make("div", { className: "wide" });
    const settings = Object.keys(facts.settings);
    const setting = select("Setting", settings), metric = select("Value", facts.metrics), baseline = select("Baseline", []);
    setting.addEventListener("change", fill);
    function fill() {
      const arms = Object.keys(facts.settings[setting.value]);
      baseline.replaceChildren(...arms.map(arm => make("option", { value: arm, textContent: arm })));
      show();
    }
    function summarise(values) {
      const n = values.length, mean = values.reduce((sum, value) => sum + value, 0) / n;
      if (n < 2) return { n, mean, half: NaN };
      const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
      return { n, mean, half: facts.t[n - 2] * sd / Math.sqrt(n) };
    }
    const write = ({ n, mean, half }, sign) => n ? (sign && mean >= 0 ? "+" : "") + mean.toFixed(2) + (Number.isNaN(half) ? "" : ` ± ${half.toFixed(2)}`) : "";
    function show() {
      const arms = facts.settings[setting.value], column = facts.metrics.indexOf(metric.value), base = arms[baseline.value] ?? {};
      const rows = Object.entries(arms).map(([arm, runs]) => {
        const paired = Object.keys(runs).filter(seed => seed in base).map(seed => runs[seed][column] - base[seed][column]);
        const own = summarise(Object.values(runs).map(run => run[column])), difference = summarise(paired);
        const cells = [arm, String(own.n), write(own), arm === baseline.value ? "baseline" : write(difference, true), arm === baseline.value ? "" : `${paired.filter(one => one > 0).length} of ${paired.length}`];
        return make("tr", {}, ...cells.map((cell, place) => make("td", { textContent: cell, className: place ? "number" : "" })));
      });
      const heads = ["arm", "n", metric.value, `difference to ${baseline.value}`, "seeds above it"];
      const table = make("table", {},
        make("thead", {}, make("tr", {}, ...heads.map((head, place) => make("th", { scope: "col", textContent: head, className: place ? "number" : "" })))),
        make("tbody", {}, ...rows));
      answer.replaceChildren(table);
      makeSortable(table);
    }
    place.append(make("h3", { textContent: "Against any baseline" }),
      make("p", { className: "rule", textContent: "Means and differences paired by seed, in per cent and percentage points, with 95 % t intervals of each arm alone; no correction for looking at many." }),
      tools, answer);
    setting.parentNode.hidden = settings.length < 2;
    metric.parentNode.hidden = facts.metrics.length < 2;
    fill();
    place.hidden = false;
  }

  function nameRuns() {
    const arms = new Map([...document.querySelectorAll("details[data-run]")].map(one => [one.dataset.run, one]));
    const title = make("p"), command = make("pre"), note = make("div", { className: "point", hidden: true }, title, command);
    document.body.append(note);
    for (const point of document.querySelectorAll(".run")) {
      const [setting, arm, seed] = point.dataset.run.split("|"), details = arms.get(`${setting}|${arm}`), words = point.querySelector("title");
      if (!details) continue; // a page without the runs: the browser shows the title
      words.remove();
      point.addEventListener("pointerenter", event => {
        title.textContent = words.textContent;
        command.textContent = details.querySelector("pre").textContent.replace(/'seeds=\[[^\]]*\]'/, `'seeds=[${seed}]'`);
        note.hidden = false;
        note.style.left = `${Math.max(0, Math.min(event.clientX + 12, innerWidth - note.offsetWidth - 8))}px`;
        note.style.top = `${event.clientY + 16 + note.offsetHeight > innerHeight ? event.clientY - note.offsetHeight - 12 : event.clientY + 16}px`;
      });
      point.addEventListener("pointerleave", () => { note.hidden = true; });
      point.addEventListener("click", () => { details.open = true; details.scrollIntoView({ block: "center" }); });
    }
  }

  document.querySelectorAll("table").forEach(enliven);
  nameRuns();
  const facts = document.getElementById("runs-facts"), place = document.getElementById("any-baseline");
  if (facts && place) compareRuns(place, JSON.parse(facts.textContent));
})();
