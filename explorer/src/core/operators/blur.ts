/** Anti-aliasing: a binomial blur between an operator at stride 1 and its subsampling. */

import { type Pair, denseWindow } from "../geometry";
import { type FeatureMap, type Operator, at, makeMap, outputSize } from "../maps";
import type { Tape } from "../tape";
import { max } from "./extremes";
import { firstCells } from "./sampling";

export const blur: Operator = (t, x, window, { filter_size }) => {
  outputSize(x, window);
  const kept: [number[], number[]] = [firstCells(x.height, 0, window), firstCells(x.width, 1, window)];
  return blurMap(t, x, filter_size as number, kept, window.dilation);
};

export const edge_blur: Operator = (t, x, window, { filter_size, threshold }) => {
  outputSize(x, window);
  const [rows, columns] = [firstCells(x.height, 0, window), firstCells(x.width, 1, window)];
  const blurred = blurMap(t, x, filter_size as number, [rows, columns], window.dilation);
  const level = (row: number, column: number, channel: number): number =>
    Math.log2(Math.max(t.read(at(x, row, column, channel)), 0) + 1e-6);
  const channels = Array.from({ length: x.channels }, (_, channel) => channel);
  const beside = (cell: number, axis: 0 | 1, steps: number[]): number[] =>
    steps.map((step) => reflect(cell + step * window.dilation[axis], axis ? x.width : x.height, window.dilation[axis]));
  const isEdge = (row: number, column: number): boolean => {
    const [above, below] = beside(row, 0, [-2, 2]);
    const [left, right] = beside(column, 1, [-2, 2]);
    const far = (change: (channel: number) => number): boolean =>
      Math.abs(channels.reduce((sum, channel) => sum + change(channel), 0) / x.channels) > Math.log2(threshold as number);
    return (
      far((channel) => level(below, column, channel) - level(above, column, channel)) ||
      far((channel) => level(row, right, channel) - level(row, left, channel))
    );
  };
  const near = rows.map((row) =>
    columns.map((column) => beside(row, 0, [-1, 0, 1]).some((r) => beside(column, 1, [-1, 0, 1]).some((c) => isEdge(r, c)))),
  );
  return makeMap(rows.length, columns.length, x.channels, (row, column, channel) =>
    near[row][column] ? at(x, rows[row], columns[column], channel) : at(blurred, row, column, channel),
  );
};

/** A local operator with a blur of filter_size taps before its subsampling. */
export const antiAliased =
  (operator: Operator): Operator =>
  (t, x, window, options) => {
    outputSize(x, window);
    const dense = operator(t, x, denseWindow(x.height, x.width, window), options);
    const kept = [dense.height, dense.width].map((n, axis) =>
      Array.from({ length: Math.ceil(n / window.stride[axis]) }, (_, i) => i * window.stride[axis]),
    ) as [number[], number[]];
    return blurMap(t, dense, options.filter_size as number, kept, window.dilation);
  };

export const max_blur: Operator = antiAliased(max);

/** Weights of the binomial filter. */
export function binomial(taps: number): number[] {
  let row = [1];
  for (let i = 1; i < taps; i++) row = [...row.map((each, j) => (each + (row[j - 1] ?? 0)) / 2), row[row.length - 1] / 2];
  return row;
}

/** The blurred map at these rows and columns only. */
function blurMap(t: Tape, x: FeatureMap, taps: number, kept: [number[], number[]], dilation: Pair): FeatureMap {
  const weights = binomial(taps);
  const places = (n: number, axis: 0 | 1): number[][] =>
    kept[axis].map((cell) =>
      weights.map((_, tap) => reflect(cell + (tap - Math.floor((taps - 1) / 2)) * dilation[axis], n, dilation[axis])),
    );
  const rows = places(x.height, 0);
  const down = makeMap(rows.length, x.width, x.channels, (row, column, channel) =>
    t.weigh(weights, rows[row].map((r) => at(x, r, column, channel))),
  );
  const columns = places(x.width, 1);
  return makeMap(rows.length, columns.length, x.channels, (row, column, channel) =>
    t.weigh(weights, columns[column].map((c) => at(down, row, c, channel))),
  );
}

/** The cell that stands for a position, reflecting within the phase (position mod gap) that it lies in. */
function reflect(position: number, n: number, gap: number): number {
  const phase = ((position % gap) + gap) % gap;
  const last = Math.max(Math.floor((n - 1 - phase) / gap), 0);
  const period = Math.max(2 * last, 1);
  const folded = (((Math.floor(position / gap) % period) + period) % period);
  return phase + gap * Math.min(folded, 2 * last - folded);
}
