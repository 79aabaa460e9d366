/** The claims and the contrasts that decide them. */

import { scaleLinear } from "d3-scale";
import type { Claim, Contrast } from "../facts";
import { show } from "../numbers";
import type { Route } from "../state";

const look = (verdict: string): string =>
  verdict.startsWith("refuted") ? "refuted" : verdict.endsWith("supported") ? "supported" : "open";

export function Ledger({ claims, route, studies }: { claims: Claim[]; route: Route; studies: string[] }) {
  const shown = route.get("claim", "");
  if (!claims.length) return <p class="quiet">There is no ledger beside these studies: poolscope report ledger writes it.</p>;
  return (
    <div class="ledger">
      {claims.map((claim) => (
        <details key={claim.number} open={String(claim.number) === shown}>
          <summary
            onClick={(event) => {
              event.preventDefault();
              route.set({ claim: String(claim.number) === shown ? null : claim.number });
            }}
          >
            <span class="count">{claim.number}</span>
            <span class="statement">{claim.statement}</span>
            <span class={`verdict ${look(claim.verdict)}`}>{claim.verdict}</span>
          </summary>
          {String(claim.number) === shown && <Contrasts claim={claim} route={route} studies={studies} />}
        </details>
      ))}
    </div>
  );
}

function Contrasts({ claim, route, studies }: { claim: Claim; route: Route; studies: string[] }) {
  const measured = claim.verdicts.filter(({ effect, delta }) => effect !== undefined && delta);
  const bounds = measured.flatMap(({ low, high, effect, delta }) => [low ?? effect!, high ?? effect!].map((value) => value / delta!));
  const x = scaleLinear([Math.max(Math.min(-1.5, ...bounds), -12), Math.min(Math.max(1.5, ...bounds), 12)], [6, 294]).clamp(true);
  return (
    <>
      <p class="quiet">
        {claim.note} {claim.contrasts} contrasts decide it; {claim.holds} hold and {claim.fails} fail at least. Bars: effect in the claimed direction
        with its interval, in units of the smallest effect that matters (δ); the band is ±δ.
      </p>
      <div class="scroll" tabindex={0} role="region" aria-label={`Contrasts of claim ${claim.number}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Contrast</th>
              <th scope="col">Effect / δ</th>
              <th scope="col" class="number">Effect (interval)</th>
              <th scope="col" class="number">n</th>
              <th scope="col">Verdict</th>
              <th scope="col">Study</th>
            </tr>
          </thead>
          <tbody>
            {claim.verdicts.map((contrast) => (
              <tr key={contrast.id}>
                <td>
                  <b>{contrast.id}</b> {contrast.hypothesis}
                  {contrast.because && <span class="quiet"> · {contrast.because}</span>}
                </td>
                <td>{contrast.delta && contrast.effect !== undefined ? <Bar contrast={contrast} x={x} /> : ""}</td>
                <td class="number">{write(contrast)}</td>
                <td class="number">{contrast.n}</td>
                <td class={look(contrast.verdict)}>{contrast.verdict}</td>
                <td>
                  {studies.includes(contrast.study) ? (
                    <button type="button" class="small" onClick={() => route.set({ study: contrast.study, set: null, base: null, off: null, run: null })}>
                      {contrast.study}
                    </button>
                  ) : (
                    contrast.study
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Bar({ contrast, x }: { contrast: Contrast; x: (value: number) => number }) {
  const { effect, low, high, delta, verdict } = contrast;
  return (
    <svg class={`forest ${look(verdict)}`} viewBox="0 0 300 22" role="img" aria-label={`${show(effect! / delta!, 2)} δ`}>
      <rect class="band" x={x(-1)} y="0" width={x(1) - x(-1)} height="22" />
      <line class="zero" x1={x(0)} x2={x(0)} y1="0" y2="22" />
      {low !== undefined && high !== undefined && <line class="interval" x1={x(low / delta!)} x2={x(high / delta!)} y1="11" y2="11" />}
      <circle cx={x(effect! / delta!)} cy="11" r="4.5" />
    </svg>
  );
}

const UNITS: Record<string, string> = { points: "points", log_error: "log error" };

function write({ effect, low, high, unit }: Contrast): string {
  if (effect === undefined) return "";
  const sign = effect > 0 ? "+" : "";
  const range = low !== undefined && high !== undefined ? ` (${show(low, 3)} to ${show(high, 3)})` : "";
  return `${sign}${show(effect, 3)}${range} ${UNITS[unit] ?? unit}`;
}
