/** The evidence view: the studies' runs as linked plots, each run's record, effects against the number of images, the ledger. */

import { useMemo, useState } from "preact/hooks";
import { FACTS, type Study } from "../facts";
import { Swatch } from "../marker";
import { plural } from "../numbers";
import type { Route } from "../state";
import { Select, ToSettings } from "../ui";
import { Ledger } from "./ledger";
import { type Run, listCurves, listDifferences, listValues, nameMeasure, readRuns, variesImages } from "./measures";
import { Record } from "./record";
import { Sizes } from "./sizes";
import { Strips } from "./strips";

export function EvidenceView({ route }: { route: Route }) {
  const studies = FACTS.studies ?? [];
  if (!studies.length) {
    return <p class="quiet empty">There are no studies in this page. Train one, write its report, then: poolscope explore.</p>;
  }
  const usual = studies.find(({ study }) => study === "pool_type") ?? studies[0];
  const study = studies.find((each) => each.study === route.get("study", usual.study)) ?? usual;
  return <Evidence key={study.study} route={route} study={study} studies={studies} />;
}

function Evidence({ route, study, studies }: { route: Route; study: Study; studies: Study[] }) {
  const runs = useMemo(() => readRuns(study), [study]);
  const [hovered, setHovered] = useState<Run | null>(null);
  const settings = [...new Set(study.arms.map(({ setting }) => setting))];
  const setting = settings.includes(route.get("set", "")) ? route.get("set", "") : settings[0];
  const measure = Math.max(study.measures.indexOf(route.get("y", study.measures[0])), 0);
  const name = study.measures[measure];
  const places = study.arms.map((_, place) => place).filter((place) => study.arms[place].setting === setting);
  const armNames = places.map((place) => study.arms[place].arm);
  const baseline = armNames.includes(route.get("base", "")) ? route.get("base", "") : study.arms[places[0]].baseline;
  const off = new Set(route.get("off", "").split("|").filter(Boolean));
  const shown = places.filter((place) => !off.has(study.arms[place].arm));

  const values = listValues(study, runs, shown, measure);
  const base = listValues(study, runs, places.filter((place) => study.arms[place].arm === baseline), measure)[0];
  const differences = listDifferences(study, values.filter(({ arm }) => arm.arm !== baseline), base);
  const [digest, seed] = route.get("run", "").split(":");
  const chosen = runs.find((run) => study.arms[run.arm].digest === digest && String(run.seed) === seed) ?? null;
  const choose = (run: Run): void => route.set({ run: `${study.arms[run.arm].digest}:${run.seed}` }, "move");
  const reset = { set: null, base: null, off: null, run: null, y: null };
  const linked = { measure: name, baseline, chosen, hovered, onHover: setHovered, onChoose: choose };

  return (
    <div class="view">
      <div class="controls">
        <section class="panel" aria-label="What is shown">
          <Select label="Study" value={study.study} choices={studies.map((each) => ({ value: each.study, label: each.study }))} onChange={(value) => route.set({ study: value, ...reset })} />
          <p class="quiet">{study.title}</p>
          {settings.length > 1 && (
            <Select label="Data" value={setting} choices={settings.map((value) => ({ value, label: value }))} onChange={(value) => route.set({ set: value === settings[0] ? null : value, base: null, run: null })} />
          )}
          <Select label="Measure" value={name} choices={study.measures.map((value) => ({ value, label: nameMeasure(value) }))} onChange={(value) => route.set({ y: value === study.measures[0] ? null : value })} />
          <Select label="Baseline" value={baseline} choices={armNames.map((value) => ({ value, label: value }))} onChange={(value) => route.set({ base: value })} />
        </section>
        <fieldset class="panel arms">
          <legend class="quiet">Arms</legend>
          {places.map((place) => {
            const { arm, look } = study.arms[place];
            return (
              <label class="check" key={arm}>
                <input
                  type="checkbox"
                  checked={!off.has(arm)}
                  onChange={(event) => {
                    const next = new Set(off);
                    if (event.currentTarget.checked) next.delete(arm);
                    else next.add(arm);
                    route.set({ off: [...next].join("|") || null });
                  }}
                />
                <Swatch look={look} />
                <span>{arm}</span>
              </label>
            );
          })}
        </fieldset>
      </div>
      <div class="stage">
        <ToSettings />
        <div class="plots">
          <Strips {...linked} title="Every run" rows={values} difference={false} />
          <Strips {...linked} title={`Differences to ${baseline}, paired by seed`} rows={differences} difference />
        </div>
        <p class="quiet">
          A point is a run; the same seed is marked in every row. Bars: mean and 95 % t interval over the seeds of the arm alone, no correction for looking
          at many; the ledger's verdicts use wider, simultaneous ones.
          {study.failed > 0 && ` ${plural(study.failed, "run")} didn't finish and ${study.failed === 1 ? "is" : "are"} left out.`}
        </p>
        <Record study={study} run={hovered ?? chosen} home={Boolean(FACTS.home)} />
        <SizeSection route={route} study={study} studies={studies} runs={runs} measure={measure} baseline={baseline} off={off} />
        <section class="after" aria-label="Ledger">
          <h2>The ledger: claims and their contrasts</h2>
          <Ledger claims={FACTS.claims ?? []} route={route} studies={studies.map((each) => each.study)} />
        </section>
      </div>
    </div>
  );
}

function SizeSection(props: { route: Route; study: Study; studies: Study[]; runs: Run[]; measure: number; baseline: string; off: Set<string> }) {
  const { route, study, studies, runs, measure, baseline, off } = props;
  const families = [...new Set(study.arms.map(({ family }) => family))];
  const drawn = families
    .map((family) => ({ family, curves: listCurves(study, runs, family, baseline, measure).filter(({ arm }) => !off.has(arm.arm)) }))
    .filter(({ curves }) => curves.length);
  const others = studies.filter((each) => each !== study && variesImages(each));
  return (
    <section class="after" aria-label="Number of images">
      <h2>The effect against the number of training images</h2>
      {drawn.map(({ family, curves }) => (
        <figure key={family}>
          <figcaption>
            {nameMeasure(study.measures[measure])} less that of {baseline}, {family}
          </figcaption>
          <div class="scroll" tabindex={0} role="region" aria-label={`Effect by number of images, ${family}`}>
            <Sizes curves={curves} measure={study.measures[measure]} baseline={baseline} family={family} />
          </div>
        </figure>
      ))}
      {!drawn.length && (
        <p class="quiet">
          {variesImages(study) ? `No arm was trained on several numbers of images beside ${baseline}; choose another baseline.` : "Every arm of this study was trained on one number of images."}
          {others.length > 0 && " Several numbers: "}
          {others.map((each) => (
            <button type="button" class="small" key={each.study} onClick={() => route.set({ study: each.study, set: null, base: null, off: null, run: null, y: null })}>
              {each.study}
            </button>
          ))}
        </p>
      )}
    </section>
  );
}
