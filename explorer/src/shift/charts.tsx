/** Two charts of the shift view: a spectrum with the Nyquist lines of a stride, and the error against the shift. */

import { scaleLinear } from "d3-scale";
import { type Plane, frequency, transformPlane } from "#core";
import { Mark } from "../marker";
import { show } from "../numbers";
import { drawCells } from "../pictures";
import type { Scene } from "./scene";

const SIDE = 200;

/** The energy of each frequency of a map at stride 1; what lies outside the box is folded into it by subsampling. */
export function SpectrumChart({ dense, stride, aliased }: { dense: Plane; stride: number; aliased: number }) {
  const { height, width, real, imaginary } = transformPlane(dense);
  const level = (place: number): number => Math.log10(real[place] ** 2 + imaginary[place] ** 2 + 1e-12);
  const order = (n: number): number[] => Array.from({ length: n }, (_, i) => (i + Math.ceil(n / 2)) % n);
  const [rows, columns] = [order(height), order(width)];
  const levels = Array.from({ length: height * width }, (_, place) => level(rows[Math.floor(place / width)] * width + columns[place % width]));
  const top = Math.max(...levels);
  const picture = drawCells(height, width, (place) => {
    const share = Math.min(Math.max((levels[place] - top + 6) / 6, 0), 1);
    const [f, g] = [frequency(rows[Math.floor(place / width)], height), frequency(columns[place % width], width)];
    const outside = Math.max(Math.abs(f), Math.abs(g)) > 0.5 / stride;
    const colour = outside ? [213, 94, 0] : [0, 114, 178];
    return colour.map((part) => Math.round(20 + (part * 1.15 - 20) * share)) as [number, number, number];
  });
  const at = scaleLinear([-0.5, 0.5], [0, SIDE]);
  const [low, high] = [at(-0.5 / stride), at(0.5 / stride)];
  return (
    <svg
      class="chart spectrum"
      viewBox={`-34 -8 ${SIDE + 46} ${SIDE + 38}`}
      role="img"
      aria-label={`Spectrum of the map at stride 1. ${show(100 * aliased, 3)} per cent of its varying energy lies above the new Nyquist frequency of 1/${2 * stride} cycle a pixel.`}
    >
      <image href={picture} width={SIDE} height={SIDE} preserveAspectRatio="none" />
      <rect class="nyquist" x={low} y={low} width={high - low} height={high - low} />
      {[-0.5, -0.5 / stride, 0, 0.5 / stride, 0.5].map((f) => (
        <g key={f}>
          <text x={at(f)} y={SIDE + 13} class="tick">{fraction(f)}</text>
          <text x={-5} y={at(f) + 3} class="tick end">{fraction(f)}</text>
        </g>
      ))}
      <text x={SIDE / 2} y={SIDE + 25} class="tick">cycles a pixel</text>
    </svg>
  );
}

function fraction(value: number): string {
  if (value === 0) return "0";
  return `${value < 0 ? "−" : ""}1/${Math.round(1 / Math.abs(value))}`;
}

const [WIDE, HIGH] = [matchMedia("(max-width: 40rem)").matches ? 380 : 520, 190];

interface Trace {
  scene: Scene;
  points: { shift: number; error: number }[];
}

/** The error of the output against the shift, for each operator. */
export function ErrorChart({ traces, stride, now }: { traces: Trace[]; stride: number; now: number }) {
  const most = Math.max(0.1, ...traces.flatMap(({ points }) => points.map(({ error }) => error)));
  const x = scaleLinear([0, 2 * stride], [44, WIDE - 70]);
  const y = scaleLinear([0, most], [HIGH - 34, 10]).nice(4);
  const place = ((now % (2 * stride)) + 2 * stride) % (2 * stride);
  const summary = traces.map(({ scene, points }) => `${scene.facts.name} up to ${show(100 * Math.max(...points.map(({ error }) => error)), 2)} per cent`);
  return (
    <svg class="chart" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={`Error against shift: ${summary.join("; ")}.`}>
      {y.ticks(4).map((tick) => (
        <g key={tick}>
          <line class="rule" x1={x(0)} x2={x(2 * stride)} y1={y(tick)} y2={y(tick)} />
          <text class="tick end" x={x(0) - 6} y={y(tick) + 3}>{show(100 * tick, 3)} %</text>
        </g>
      ))}
      {Array.from({ length: 2 * stride + 1 }, (_, shift) => (
        <text key={shift} class="tick" x={x(shift)} y={HIGH - 18}>{shift}</text>
      ))}
      <text class="tick" x={(x(0) + x(2 * stride)) / 2} y={HIGH - 3}>pixels to the right</text>
      <line class="now" x1={x(place)} x2={x(place)} y1={10} y2={HIGH - 34} />
      {traces.map(({ scene, points }) => (
        <g key={scene.slot} class="operator" style={{ "--own": scene.facts.look.color }}>
          <polyline class="trace" points={points.map(({ shift, error }) => `${x(shift)},${y(error)}`).join(" ")} />
          {points.map(({ shift, error }) => <Mark key={shift} look={scene.facts.look} x={x(shift)} y={y(error)} size={3.4} />)}
          <text class="name" x={x(2 * stride) + 10} y={y(points[points.length - 3].error) + 3}>{scene.facts.name}</text>
        </g>
      ))}
    </svg>
  );
}
