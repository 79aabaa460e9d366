/** Operators that divide each axis into as many parts as the output has. */

import { denseWindow } from "../geometry";
import { type FeatureMap, type Operator, applyMatrices, at, makeMap, outputSize } from "../maps";
import type { Tape } from "../tape";
import { avg } from "./averages";
import { firstLargest, max } from "./extremes";

export const adaptive_avg: Operator = (t, x, window) => {
  const [height, width] = outputSize(x, window);
  const matrix = (n: number, output: number): number[][] =>
    bins(n, output).map((bin) => Array.from({ length: n }, (_, cell) => (bin.includes(cell) ? 1 / bin.length : 0)));
  return applyMatrices(t, x, matrix(x.height, height), matrix(x.width, width));
};

export const adaptive_max: Operator = (t, x, window) => {
  const [height, width] = outputSize(x, window);
  return largestOfBins(t, x, bins(x.height, height), bins(x.width, width));
};

export const fractional_max: Operator = (t, x, window, { overlapping }) => {
  const [height, width] = outputSize(x, window);
  const parts = (n: number, output: number): number[][] => {
    if (output === n) return Array.from({ length: n }, (_, cell) => [cell]);
    const total = n - (overlapping ? 1 : 0);
    const start = Math.floor(total / 2);
    const cut = (i: number): number => Math.floor((i * total + start) / output) - Math.floor(start / output);
    return Array.from({ length: output }, (_, i) => between(cut(i), Math.max(cut(i + 1) - (overlapping ? 0 : 1), cut(i))));
  };
  return largestOfBins(t, x, parts(x.height, height), parts(x.width, width));
};

export const s3: Operator = (t, x, window) => {
  const dense = max(t, x, denseWindow(x.height, x.width, window), {});
  const rest = (n: number, step: number): number => (step - (n % step)) % step;
  const [down, across] = window.stride;
  return avg(
    t,
    dense,
    {
      size: window.stride,
      stride: window.stride,
      padding: [[0, rest(dense.height, down)], [0, rest(dense.width, across)]],
      dilation: [1, 1],
    },
    {},
  );
};

/** The cells of each of `output` bins that cover an axis evenly. */
export const bins = (n: number, output: number): number[][] =>
  Array.from({ length: output }, (_, i) => between(Math.floor((i * n) / output), Math.ceil(((i + 1) * n) / output) - 1));

const between = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** The first largest cell of each bin: along columns, then rows, so that of equals it is the first in row-major order. */
function largestOfBins(t: Tape, x: FeatureMap, rows: number[][], columns: number[][]): FeatureMap {
  const across = makeMap(x.height, columns.length, x.channels, (row, column, channel) =>
    firstLargest(t, columns[column].map((c) => at(x, row, c, channel))),
  );
  return makeMap(rows.length, columns.length, x.channels, (row, column, channel) =>
    firstLargest(t, rows[row].map((r) => at(across, r, column, channel))),
  );
}
