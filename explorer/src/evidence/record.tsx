/** One run: its values, its configuration, and the command that trains it again. */

import type { Study } from "../facts";
import { Swatch } from "../marker";
import { Command } from "../ui";
import { type Run, nameMeasure, showMeasure } from "./measures";

export function Record({ study, run, home }: { study: Study; run: Run | null; home: boolean }) {
  if (!run) {
    return (
      <section class="record" aria-label="Run">
        <h2>A run</h2>
        <p class="quiet">Point at a run, click it, or step to it with the arrow keys: its record and the command that trains it again are shown here.</p>
      </section>
    );
  }
  const arm = study.arms[run.arm];
  return (
    <section class="record" aria-label="Run" style={{ "--own": arm.look.color }}>
      <h2>
        <Swatch look={arm.look} /> {arm.arm}, seed {run.seed}
      </h2>
      <p class="quiet">
        {arm.setting}
        {arm.images !== null && ` · ${arm.images.toLocaleString("en")} training images`} · record {study.study}/{arm.digest}/seed-{run.seed}
        {home && study.report && (
          <>
            {" · "}
            <a href={`../${study.study}/report.html`}>the study's report</a>
          </>
        )}
      </p>
      <h3>Train it again</h3>
      <Command text={`${arm.command} 'seeds=[${run.seed}]'`} label="Copy the command of this run" />
      <h3>Compare it with its record</h3>
      <Command text={`poolscope reproduce ${study.study}`} label="Copy the command that reproduces the study" />
      <details>
        <summary>Measures</summary>
        <dl>
          {study.measures.map((measure, i) => (
            <div key={measure}>
              <dt>{nameMeasure(measure)}</dt>
              <dd>{showMeasure(measure, run.values[i])}</dd>
            </div>
          ))}
        </dl>
      </details>
      <details>
        <summary>Configuration</summary>
        <dl>
          {Object.entries({ ...arm.config, ...study.shared }).map(([key, value]) => (
            <div key={key}>
              <dt>{key}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}
