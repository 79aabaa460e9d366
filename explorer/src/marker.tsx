/** An operator's colour and marker, the same as in every figure of the project. */

import type { Look } from "./facts";

const polygon = (corners: number, turn = 0, inner = 1): string =>
  Array.from({ length: inner < 1 ? 2 * corners : corners }, (_, i) => {
    const count = inner < 1 ? 2 * corners : corners;
    const [radius, angle] = [inner < 1 && i % 2 ? inner : 1, turn - Math.PI / 2 + (2 * Math.PI * i) / count];
    return `${(radius * Math.cos(angle)).toFixed(3)},${(radius * Math.sin(angle)).toFixed(3)}`;
  }).join(" ");

const PLUS = "-.33,-1 .33,-1 .33,-.33 1,-.33 1,.33 .33,.33 .33,1 -.33,1 -.33,.33 -1,.33 -1,-.33 -.33,-.33";
const CROSS = "0,-.5 .5,-1 1,-.5 .5,0 1,.5 .5,1 0,.5 -.5,1 -1,.5 -.5,0 -1,-.5 -.5,-1";
/** Matplotlib's names. */
const SHAPES: Record<string, string> = {
  s: "-.85,-.85 .85,-.85 .85,.85 -.85,.85",
  "^": polygon(3),
  v: polygon(3, Math.PI),
  "<": polygon(3, -Math.PI / 2),
  ">": polygon(3, Math.PI / 2),
  D: "0,-1.1 1.1,0 0,1.1 -1.1,0",
  d: "0,-1.1 .7,0 0,1.1 -.7,0",
  P: PLUS,
  X: CROSS,
  p: polygon(5),
  h: polygon(6),
  "*": polygon(5, 0, 0.42),
};

interface MarkProps {
  look: Look;
  x?: number;
  y?: number;
  size?: number;
  class?: string;
}

/** A marker inside a drawing. */
export function Mark({ look, x = 0, y = 0, size = 5, ...rest }: MarkProps) {
  const shape = SHAPES[look.marker];
  const place = `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${size})`;
  return (
    <g transform={place} style={{ "--own": look.color }} class={`mark ${rest.class ?? ""}`}>
      {shape ? <polygon points={shape} /> : <circle r="0.95" />}
    </g>
  );
}

/** A marker in a line of text. */
export const Swatch = ({ look }: { look: Look }) => (
  <svg class="swatch" viewBox="-8 -8 16 16" aria-hidden="true">
    <Mark look={look} size={5.5} />
  </svg>
);
