/** Operators that pick cells, and stochastic pooling in its evaluation form. */

import { type Window, axisTaps } from "../geometry";
import { type Operator, outputSize, reduceWindows, takeCells } from "../maps";

export const none: Operator = (_, x) => x;

export const subsample: Operator = (_, x, window) => {
  outputSize(x, window);
  return takeCells(x, firstCells(x.height, 0, window), firstCells(x.width, 1, window));
};

/** For each output of an axis the first cell of its window that isn't padding. */
export const firstCells = (n: number, axis: 0 | 1, window: Window): number[] =>
  axisTaps(n, axis, window).map((taps) => taps.find((cell) => cell >= 0 && cell < n)!);

export const stochastic: Operator = (t, x, window) =>
  reduceWindows(x, window, ({ nodes }) => {
    const mass = nodes.map((node) => t.relu(node));
    const total = t.sum(mass);
    return t.read(total) > 0 ? t.divide(t.sum(mass.map((each) => t.square(each))), total) : t.constant(0);
  });
