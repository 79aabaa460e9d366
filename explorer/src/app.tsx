/** The page: its views, and the address that says which is shown. */

import { useEffect, useState } from "preact/hooks";
import { EvidenceView } from "./evidence/evidence";
import { FACTS } from "./facts";
import { PoolView } from "./pool/pool";
import { ShiftView } from "./shift/shift";
import { StackView } from "./stack/stack";
import { type Route, type View, VIEWS, useRoute } from "./state";

const TITLES: Record<View, [string, string]> = {
  pool: ["Pool", "Step through the windows of an operator, forward and backward"],
  shift: ["Shift", "Move an image by parts of a pixel and watch the pooled map"],
  stack: ["Stack", "Output sizes and receptive fields through layers"],
  evidence: ["Evidence", "What the studies measured, run by run"],
};

export function App() {
  const route = useRoute();
  useEffect(() => {
    document.title = `${TITLES[route.view][0]} · poolscope explorer`;
  }, [route.view]);
  return (
    <>
      <header class="top">
        <h1>
          poolscope <span>explorer</span>
        </h1>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <a key={view} href={route.go(view)} aria-current={view === route.view ? "page" : undefined}>
              {TITLES[view][0]}
            </a>
          ))}
        </nav>
        <div class="aside">
          {FACTS.home && <a href="../index.html">All studies</a>}
          <Theme />
        </div>
      </header>
      <main>
        <p class="lead">{TITLES[route.view][1]}.</p>
        <Chosen route={route} />
      </main>
      <footer class="quiet">
        poolscope {FACTS.version} · The page's arithmetic is tested against the JAX operators, values and gradients · The address holds what is shown
      </footer>
    </>
  );
}

function Chosen({ route }: { route: Route }) {
  if (route.view === "shift") return <ShiftView route={route} />;
  if (route.view === "stack") return <StackView route={route} />;
  if (route.view === "evidence") return <EvidenceView route={route} />;
  return <PoolView route={route} />;
}

/** Light or dark, other than the system has it. */
function Theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [theme, setTheme] = useState(dark ? "dark" : "light");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <button type="button" class="small" aria-pressed={theme === "dark"} onClick={() => setTheme(theme === "dark" ? "light" : "dark")}>
      Dark
    </button>
  );
}
