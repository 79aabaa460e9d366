/** Every run of each arm as a point in a row, with the mean and its interval. */

import { scaleLinear } from "d3-scale";
import { Mark } from "../marker";
import { type Row, type Run, factor, isShare, nameMeasure, showMeasure } from "./measures";

const [ROW, TOP, BOTTOM] = [56, 4, 40];

interface StripsProps {
  title: string;
  rows: Row[];
  measure: string;
  /** Differences: with a line at 0, and arms named by their sign. */
  difference: boolean;
  baseline: string;
  chosen: Run | null;
  hovered: Run | null;
  onHover: (run: Run | null) => void;
  onChoose: (run: Run) => void;
}

export function Strips(props: StripsProps) {
  const { rows, measure, difference, chosen, hovered, onHover, onChoose } = props;
  const [wide, left] = [matchMedia("(max-width: 40rem)").matches ? 370 : 540, 0];
  const high = TOP + rows.length * ROW + BOTTOM;
  const scaled = rows.flatMap(({ runs, summary }) => [...runs.map(({ value }) => value), summary.low, summary.high]).filter(Number.isFinite);
  const [low, most] = [Math.min(...scaled, ...(difference ? [0] : [])), Math.max(...scaled, ...(difference ? [0] : []))];
  const x = scaleLinear([low * factor(measure), most * factor(measure)], [left + 14, wide - 16]).nice(5);
  const at = (value: number): number => x(value * factor(measure));
  const shown = hovered ?? chosen;

  const step = (event: KeyboardEvent): void => {
    const order = rows.map((row) => [...row.runs].sort((a, b) => a.value - b.value));
    const line = Math.max(0, order.findIndex((runs) => runs.some(({ run }) => run === shown)));
    const column = Math.max(0, order[line]?.findIndex(({ run }) => run === shown) ?? 0);
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    if (!down && !right) return;
    event.preventDefault();
    const to = order[Math.min(Math.max(line + down, 0), order.length - 1)] ?? [];
    const found = to[Math.min(Math.max(column + right, 0), to.length - 1)];
    if (found) onChoose(found.run);
  };
  const read = (run: Run | null): string => {
    const row = rows.find(({ runs }) => runs.some((each) => each.run === run));
    const value = row?.runs.find((each) => each.run === run)?.value;
    return row && value !== undefined ? `${row.arm.arm}, seed ${run!.seed}: ${showMeasure(measure, value, difference)}` : "no run chosen";
  };
  const all = rows.reduce((sum, { runs }) => sum + runs.length, 0);

  return (
    <figure>
      <figcaption>{props.title}</figcaption>
      <svg
        class="chart strips"
        viewBox={`0 0 ${wide} ${high}`}
        role="slider"
        tabindex={0}
        aria-label={`${props.title}; arrow keys go from run to run`}
        aria-valuemin={0}
        aria-valuemax={all}
        aria-valuenow={shown ? rows.flatMap(({ runs }) => runs.map(({ run }) => run)).indexOf(shown) + 1 : 0}
        aria-valuetext={read(shown)}
        onKeyDown={step}
        onPointerLeave={() => onHover(null)}
      >
        {x.ticks(5).map((tick) => (
          <g key={tick}>
            <line class="rule" x1={x(tick)} x2={x(tick)} y1={TOP} y2={high - BOTTOM} />
            <text class="tick" x={x(tick)} y={high - BOTTOM + 15}>{x.tickFormat(5)(tick).replace("-", "−")}</text>
          </g>
        ))}
        {difference && <line class="zero" x1={at(0)} x2={at(0)} y1={TOP} y2={high - BOTTOM} />}
        <text class="tick" x={(left + wide) / 2} y={high - 6}>
          {nameMeasure(measure)}
          {isShare(measure) && (difference || measure.includes("gap") ? " (points)" : " (%)")}
          {difference && `, less that of ${props.baseline}`}
        </text>
        {rows.map(({ arm, runs, summary, place }, i) => {
          const middle = TOP + i * ROW + 32;
          return (
            <g key={place} style={{ "--own": arm.look.color }}>
              <text class="name" x={2} y={middle - 18}>
                {arm.arm}
                {summary.n > 0 && <tspan class="soft">{`  ${showMeasure(measure, summary.mean, difference)}, n = ${summary.n}`}</tspan>}
              </text>
              {runs.map(({ run, value }, j) => (
                <g
                  key={run.seed}
                  class={`run ${shown && run.seed === shown.seed ? "linked" : ""} ${run === shown ? "shown" : ""}`}
                  onPointerEnter={() => onHover(run)}
                  onPointerDown={() => onChoose(run)}
                >
                  <circle class="target" cx={at(value)} cy={middle + spread(j, runs.length)} r="9" />
                  <Mark look={arm.look} x={at(value)} y={middle + spread(j, runs.length)} size={run === shown ? 6 : 4} />
                </g>
              ))}
              {summary.n > 1 && <line class="interval" x1={at(summary.low)} x2={at(summary.high)} y1={middle + 14} y2={middle + 14} />}
              {summary.n > 0 && <line class="mean" x1={at(summary.mean)} x2={at(summary.mean)} y1={middle + 10} y2={middle + 18} />}
            </g>
          );
        })}
      </svg>
    </figure>
  );
}

/** A small offset for each run, the same every time, so that points of equal value are seen. */
const spread = (place: number, of: number): number => (of > 1 ? ((place * 7) % of) / of - 0.5 : 0) * 14 - 2;
