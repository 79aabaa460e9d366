/** Feature maps on a tape, and the windows, slices and matrices that operators are made of. */

import { type Window, axisOutput, axisTaps, checkWindow } from "./geometry";
import type { Node, Tape } from "./tape";

/** A map of nodes, rows first, then columns, then channels. */
export interface FeatureMap {
  height: number;
  width: number;
  channels: number;
  nodes: Int32Array;
}

export type Nested = number | Nested[];
export type Options = Record<string, number | boolean | string | Nested | null | undefined>;
/** An operator on a map with a window that fits it. */
export type Operator = (t: Tape, x: FeatureMap, window: Window, options: Options) => FeatureMap;

/** The real cells of one window in row-major order, and which tap of the window each is; padding is left out. */
export interface Cells {
  nodes: Node[];
  taps: number[];
  row: number;
  column: number;
  channel: number;
}

export const at = (x: FeatureMap, row: number, column: number, channel: number): Node =>
  x.nodes[(row * x.width + column) * x.channels + channel];

/** The map of this size whose node at each place a function gives. */
export function makeMap(
  height: number,
  width: number,
  channels: number,
  node: (row: number, column: number, channel: number) => Node,
): FeatureMap {
  const nodes = new Int32Array(height * width * channels);
  let place = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < channels; channel++) nodes[place++] = node(row, column, channel);
    }
  }
  return { height, width, channels, nodes };
}

/** The same map with a function applied to every node. */
export const mapNodes = (x: FeatureMap, change: (node: Node, channel: number) => Node): FeatureMap => ({
  ...x,
  nodes: x.nodes.map((node, place) => change(node, place % x.channels)),
});

/** Several maps of one size, place by place. */
export function zipMaps(maps: FeatureMap[], join: (nodes: Node[], channel: number) => Node): FeatureMap {
  const [first] = maps;
  return { ...first, nodes: first.nodes.map((_, place) => join(maps.map((each) => each.nodes[place]), place % first.channels)) };
}

/** A local operator: a function of the cells of each window. */
export function reduceWindows(x: FeatureMap, window: Window, reduction: (cells: Cells) => Node): FeatureMap {
  checkWindow(x.height, x.width, window);
  const rows = axisTaps(x.height, 0, window);
  const columns = axisTaps(x.width, 1, window);
  return makeMap(rows.length, columns.length, x.channels, (row, column, channel) => {
    const cells: Cells = { nodes: [], taps: [], row, column, channel };
    rows[row].forEach((r, i) => {
      if (r < 0 || r >= x.height) return;
      columns[column].forEach((c, j) => {
        if (c < 0 || c >= x.width) return;
        cells.nodes.push(at(x, r, c, channel));
        cells.taps.push(i * window.size[1] + j);
      });
    });
    return reduction(cells);
  });
}

/** The cells at these rows and columns. */
export const takeCells = (x: FeatureMap, rows: number[], columns: number[]): FeatureMap =>
  makeMap(rows.length, columns.length, x.channels, (row, column, channel) => at(x, rows[row], columns[column], channel));

/** The size of the output on both axes, of a window that fits. */
export function outputSize(x: FeatureMap, window: Window): [number, number] {
  checkWindow(x.height, x.width, window);
  return [axisOutput(x.height, 0, window), axisOutput(x.width, 1, window)];
}

/** rows x columns^T on every channel, of matrices (output, input). */
export function applyMatrices(t: Tape, x: FeatureMap, rows: number[][], columns: number[][]): FeatureMap {
  const down = makeMap(rows.length, x.width, x.channels, (row, column, channel) =>
    t.weigh(rows[row], rows[row].map((_, r) => at(x, r, column, channel))),
  );
  return makeMap(rows.length, columns.length, x.channels, (row, column, channel) =>
    t.weigh(columns[column], columns[column].map((_, c) => at(down, row, c, channel))),
  );
}

/** A number that may differ by channel. */
export function ofChannel(value: Options[string], channel: number): number {
  return Array.isArray(value) ? (value[channel] as number) : (value as number);
}

/** An entry of nested lists. */
export function entry(value: Options[string], ...path: number[]): number {
  return path.reduce<unknown>((inner, place) => (inner as unknown[])[place], value) as number;
}
