/** A feature map as a drawing: its cells, what surrounds them, and the window on it. */

import { useId } from "preact/hooks";
import type { Numbers, Pair } from "#core";
import { show } from "./numbers";
import { drawCells } from "./pictures";

const CELL = 40; // units of the drawing
const MOST_TEXTS = 16; // cells on a side that still have their number written in them

export interface MapProps {
  map: Numbers;
  channel: number;
  /** grey: dark 0 to light 1; tint: the accent by size; signed: blue above 0, orange below. */
  paint: "picture" | "tint" | "signed";
  /** What the drawing shows, for those who can't see it. */
  label: string;
  /** Whether the cells' numbers are written in them; else the map is drawn as a picture. */
  written: boolean;
  /** Pixels of the screen for one cell, at most. */
  cell: number;
  pads?: [Pair, Pair];
  dropped?: Pair;
  /** Cells that the window reads, as rows and columns; outside the map where they are padding. */
  taps?: [number, number][];
  selected?: [number, number];
  /** Makes it a control: a cell can be chosen by pointer and arrow keys. */
  onSelect?: (row: number, column: number, how: "click" | "key") => void;
  /** A shortcut for pointers alone. */
  onPick?: (row: number, column: number) => void;
}

export function MapView(props: MapProps) {
  const { map, channel, paint, pads = [[0, 0], [0, 0]], dropped = [0, 0], taps = [], selected, onSelect, onPick } = props;
  const id = useId().replace(/\W/g, "");
  const { height, width } = map;
  const [[top, bottom], [left, right]] = pads;
  const value = (row: number, column: number): number => map.values[(row * width + column) * map.channels + channel];
  const written = props.written && Math.max(height, width) <= MOST_TEXTS;
  const all = Array.from({ length: height * width }, (_, place) => value(Math.floor(place / width), place % width));
  const largest = Math.max(...all.map(Math.abs).filter(Number.isFinite), 1e-12);
  const [x, y] = [(column: number) => (column + left) * CELL, (row: number) => (row + top) * CELL];
  const [across, down] = [(width + left + right) * CELL, (height + top + bottom) * CELL];

  const pick = (event: PointerEvent & { currentTarget: SVGSVGElement }): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * (width + left + right)) - left;
    const row = Math.floor(((event.clientY - box.top) / box.height) * (height + top + bottom)) - top;
    if (row >= 0 && row < height && column >= 0 && column < width) {
      onSelect?.(row, column, "click");
      onPick?.(row, column);
    }
  };
  const step = (event: KeyboardEvent): void => {
    if (!selected || !onSelect) return;
    const place = selected[0] * width + selected[1];
    const to = { ArrowRight: place + 1, ArrowLeft: place - 1, ArrowDown: place + width, ArrowUp: place - width, Home: 0, End: height * width - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to < height * width) onSelect(Math.floor(to / width), to % width, "key");
  };
  const slider = onSelect && {
    role: "slider" as const,
    tabindex: 0,
    "aria-valuemin": 1,
    "aria-valuemax": height * width,
    "aria-valuenow": selected ? selected[0] * width + selected[1] + 1 : 1,
    "aria-valuetext": selected ? `row ${selected[0] + 1}, column ${selected[1] + 1}: ${show(value(...selected))}` : "none",
    onKeyDown: step,
  };

  return (
    <svg
      class={`map ${onSelect || onPick ? "choosable" : ""}`}
      viewBox={`-2 -2 ${across + 4} ${down + 4}`}
      style={{ width: `calc(${(((across + 4) / CELL) * props.cell).toFixed(1)}px * var(--zoom))` }}
      role="img"
      aria-label={props.label}
      onPointerDown={onSelect || onPick ? pick : undefined}
      {...slider}
    >
      <defs>
        <pattern id={`${id}pad`} width="8" height="8" patternUnits="userSpaceOnUse" patternTransform={`rotate(45) scale(${Math.max(1, 24 / props.cell)})`}>
          <path d="M0 0V8" class="hatch" />
        </pattern>
      </defs>
      {top + bottom + left + right > 0 && <rect class="padding" x="0" y="0" width={across} height={down} fill={`url(#${id}pad)`} />}
      {written ? (
        all.map((each, place) => {
          const [row, column] = [Math.floor(place / width), place % width];
          const text = show(each, Math.abs(each) < 0.1 ? 2 : 3);
          return (
            <g key={place}>
              <rect class="ground" x={x(column)} y={y(row)} width={CELL} height={CELL} />
              <rect
                class={paint === "signed" ? (each < 0 ? "cell negative" : "cell positive") : "cell"}
                x={x(column)}
                y={y(row)}
                width={CELL}
                height={CELL}
                fill-opacity={(0.06 + 0.4 * Math.min(Math.abs(each) / largest, 1)) * (paint === "signed" && Math.abs(each) < 1e-12 ? 0 : 1)}
              />
              <text
                x={x(column) + CELL / 2}
                y={y(row) + CELL / 2}
                class={paint === "signed" && Math.abs(each) < 1e-12 ? "faint" : ""}
                font-size={Math.min(15, (0.92 * CELL) / (0.6 * text.length)).toFixed(1)}
              >
                {text}
              </text>
            </g>
          );
        })
      ) : (
        <image
          href={drawCells(height, width, painter(map, channel, paint, largest))}
          x={x(0)}
          y={y(0)}
          width={width * CELL}
          height={height * CELL}
          preserveAspectRatio="none"
        />
      )}
      <rect class="edge" x={x(0)} y={y(0)} width={width * CELL} height={height * CELL} />
      {dropped[0] > 0 && <rect class="dropped" x={x(0)} y={y(height - dropped[0])} width={width * CELL} height={dropped[0] * CELL} />}
      {dropped[1] > 0 && (
        <rect class="dropped" x={x(width - dropped[1])} y={y(0)} width={dropped[1] * CELL} height={(height - dropped[0]) * CELL} />
      )}
      {written &&
        taps.map(([row, column]) => (
          <rect class="tap" key={`${row},${column}`} x={x(column) + 2} y={y(row) + 2} width={CELL - 4} height={CELL - 4} />
        ))}
      {taps.length > 0 && <Frame taps={taps} x={x} y={y} />}
      {selected && (
        <>
          <rect class="halo" x={x(selected[1])} y={y(selected[0])} width={CELL} height={CELL} />
          <rect class="selected" x={x(selected[1])} y={y(selected[0])} width={CELL} height={CELL} />
        </>
      )}
    </svg>
  );
}

/** The box around the cells that a window reads. */
function Frame({ taps, x, y }: { taps: [number, number][]; x: (n: number) => number; y: (n: number) => number }) {
  const [rows, columns] = [taps.map(([row]) => row), taps.map(([, column]) => column)];
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  const [high, wide] = [Math.max(...rows) - top + 1, Math.max(...columns) - left + 1];
  const box = { x: x(left), y: y(top), width: wide * CELL, height: high * CELL };
  return (
    <>
      <rect class="halo" {...box} />
      <rect class="frame" {...box} />
    </>
  );
}

function painter(map: Numbers, channel: number, paint: MapProps["paint"], largest: number): (place: number) => [number, number, number] {
  const at = (place: number, each: number): number => map.values[place * map.channels + each];
  if (paint === "signed") {
    return (place) => {
      const share = Math.min(Math.abs(at(place, channel)) / largest, 1) ** 0.6;
      const colour = at(place, channel) < 0 ? [213, 94, 0] : [0, 114, 178];
      return colour.map((part) => Math.round(248 + (part - 248) * share)) as [number, number, number];
    };
  }
  const least = Math.min(0, ...map.values);
  const scale = 255 / (Math.max(1, ...map.values) - least);
  const level = (place: number, each: number): number => Math.round((at(place, each) - least) * scale);
  return map.channels === 3
    ? (place) => [level(place, 0), level(place, 1), level(place, 2)]
    : (place) => [level(place, channel), level(place, channel), level(place, channel)];
}
