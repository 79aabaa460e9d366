/** The difference to the baseline against the number of training images. */

import { scaleLinear, scaleLog } from "d3-scale";
import { Mark } from "../marker";
import { show } from "../numbers";
import { type Curve, factor, isShare, nameMeasure, showMeasure } from "./measures";

const [WIDE, HIGH, LEFT, RIGHT, BOTTOM] = [820, 320, 58, 270, 44];

export function Sizes({ curves, measure, baseline, family }: { curves: Curve[]; measure: string; baseline: string; family: string }) {
  const sizes = [...new Set(curves.flatMap(({ points }) => points.map(({ images }) => images)))].sort((a, b) => a - b);
  const bounds = curves.flatMap(({ points }) => points.flatMap(({ summary }) => [summary.low, summary.high, summary.mean])).filter(Number.isFinite);
  const x = scaleLog([sizes[0], sizes[sizes.length - 1]], [LEFT + 18, WIDE - RIGHT]).base(2);
  const y = scaleLinear([Math.min(0, ...bounds) * factor(measure), Math.max(0, ...bounds) * factor(measure)], [HIGH - BOTTOM, 26]).nice(5);
  const at = (value: number): number => y(value * factor(measure));
  const dodge = (i: number): number => (i - (curves.length - 1) / 2) * 5;
  const labels = placeLabels(curves.map(({ points }) => at(points[points.length - 1].summary.mean)));
  const spoken = curves.map(({ arm, points }) => `${arm.arm}: ${points.map(({ images, summary }) => `${showMeasure(measure, summary.mean, true)} at ${images}`).join(", ")}`);
  return (
    <svg class="chart sizes" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={`${nameMeasure(measure)} less that of ${baseline} by number of training images, ${family}. ${spoken.join("; ")}.`}>
      {y.ticks(5).map((tick) => (
        <g key={tick}>
          <line class="rule" x1={LEFT} x2={WIDE - RIGHT + 14} y1={y(tick)} y2={y(tick)} />
          <text class="tick end" x={LEFT - 6} y={y(tick) + 4}>{show(tick)}</text>
        </g>
      ))}
      <line class="zero" x1={LEFT} x2={WIDE - RIGHT + 14} y1={y(0)} y2={y(0)} />
      {sizes.map((size) => (
        <text key={size} class="tick" x={x(size)} y={HIGH - BOTTOM + 17}>{size.toLocaleString("en")}</text>
      ))}
      <text class="tick" x={(LEFT + WIDE - RIGHT) / 2} y={HIGH - 6}>training images (each doubling is as wide as the next)</text>
      <text class="tick start" x={4} y={12}>{isShare(measure) ? "points" : ""}</text>
      {curves.map(({ arm, points }, i) => (
        <g key={arm.arm} style={{ "--own": arm.look.color }}>
          <polyline class="trace" points={points.map(({ images, summary }) => `${x(images) + dodge(i)},${at(summary.mean)}`).join(" ")} />
          {points.map(({ images, summary }) => (
            <g key={images}>
              <title>{`${arm.arm}, ${images} images: ${showMeasure(measure, summary.mean, true)}, n = ${summary.n}`}</title>
              {summary.n > 1 && <line class="interval" x1={x(images) + dodge(i)} x2={x(images) + dodge(i)} y1={at(summary.low)} y2={at(summary.high)} />}
              <Mark look={arm.look} x={x(images) + dodge(i)} y={at(summary.mean)} size={5} />
            </g>
          ))}
          <text class="name" x={WIDE - RIGHT + 22} y={labels[i] + 4}>{arm.arm}</text>
        </g>
      ))}
    </svg>
  );
}

/** Heights of labels near these, none over another. */
function placeLabels(wanted: number[]): number[] {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  order.forEach((label, place) => {
    if (place) label.y = Math.max(label.y, order[place - 1].y + 14);
  });
  const over = Math.max(0, (order[order.length - 1]?.y ?? 0) - (HIGH - BOTTOM));
  const placed: number[] = [];
  for (const { y, i } of order) placed[i] = y - over;
  return placed;
}
