/** One axis of every layer as a row of cells, and the cells that one output sees, back to the input. */

import { type Level, type Window, axisPads, extent } from "#core";
import type { Layer } from "./stack";

const [WIDE, ROW, LEFT] = [900, 46, 120];

interface ConeProps {
  n: number;
  layers: Layer[];
  windows: Window[];
  levels: Level[];
  chosen: number;
  onChoose: (output: number) => void;
}

export function Cone({ n, layers, windows, levels, chosen, onChoose }: ConeProps) {
  const last = levels[levels.length - 1];
  const output = chosen < 0 ? Math.floor(last.output / 2) : Math.min(chosen, last.output - 1);
  const ranges = findRanges(n, windows.slice(0, levels.length), levels, output);
  const [low, high] = [Math.min(0, ranges[0][0]) - 0.5, Math.max(n - 1, ranges[0][1]) + 0.5];
  const x = (cell: number): number => LEFT + ((cell - low) / (high - low)) * (WIDE - LEFT - 10);
  const unit = (WIDE - LEFT - 10) / (high - low);
  const y = (row: number): number => 10 + (levels.length - row) * ROW;
  const rows = [{ output: n, jump: 1, start: 0 }, ...levels];
  const step = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    onChoose(Math.min(Math.max(output + by, 0), last.output - 1));
  };
  return (
    <figure>
      <figcaption>
        What output {output + 1} of the last layer sees, on one axis: <b>{ranges[0][1] - ranges[0][0] + 1} cells</b> of the input
        {(ranges[0][0] < 0 || ranges[0][1] >= n) && ", some of them padding"}. Choose another by click or arrow keys.
      </figcaption>
      <div class="scroll">
      <svg
        class="chart cone"
        viewBox={`0 0 ${WIDE} ${y(0) + 32}`}
        role="slider"
        tabindex={0}
        aria-label={`Receptive field through ${levels.length} layers`}
        aria-valuemin={1}
        aria-valuemax={last.output}
        aria-valuenow={output + 1}
        aria-valuetext={`output ${output + 1} sees input cells ${ranges[0][0] + 1} to ${ranges[0][1] + 1}`}
        onKeyDown={step}
      >
        {rows.slice(0, -1).map((row, i) => {
          const [from, to] = [ranges[i], ranges[i + 1]];
          const above = rows[i + 1];
          const at = (place: number, of: { start: number; jump: number }): number => of.start + place * of.jump;
          const corners = [
            [x(at(to[0], above)) - 3, y(i + 1) + 20],
            [x(at(to[1], above)) + 3, y(i + 1) + 20],
            [x(at(from[1], row) + row.jump * 0.4), y(i)],
            [x(at(from[0], row) - row.jump * 0.4), y(i)],
          ];
          return <polygon key={i} class="beam" points={corners.map((corner) => corner.join()).join(" ")} />;
        })}
        {rows.map((row, i) => (
          <g key={i}>
            <text class="tick end" x={LEFT - 12} y={y(i) + 14}>
              {i ? `${layers[i - 1].kind} ${layers[i - 1].size}/${layers[i - 1].stride}: ${row.output}` : `input: ${n}`}
            </text>
            {Array.from({ length: row.output }, (_, cell) => {
              const inside = cell >= ranges[i][0] && cell <= ranges[i][1];
              const wide = Math.max(Math.min(unit * row.jump * 0.8, 26), 1);
              return (
                <rect
                  key={cell}
                  class={`box ${inside ? "inside" : ""}`}
                  x={x(row.start + cell * row.jump) - wide / 2}
                  y={y(i)}
                  width={wide}
                  height={20}
                  rx={Math.min(2, wide / 4)}
                  onPointerDown={i === levels.length ? () => onChoose(cell) : undefined}
                />
              );
            })}
          </g>
        ))}
      </svg>
      </div>
    </figure>
  );
}

/** For the input and each layer the first and last cell that an output of the last layer sees; may lie in padding. */
function findRanges(n: number, windows: Window[], levels: Level[], output: number): [number, number][] {
  const ranges: [number, number][] = [[output, output]];
  for (let i = windows.length - 1; i >= 0; i--) {
    const before = i ? levels[i - 1].output : n;
    const [stride, pad, span] = [windows[i].stride[0], axisPads(before, 0, windows[i])[0], extent(windows[i].size[0], windows[i].dilation[0])];
    const [first, last] = ranges[0];
    ranges.unshift([first * stride - pad, last * stride - pad + span - 1]);
  }
  return ranges;
}
