/** Operators on the sorted window; equal cells share their gradient, as the network of comparators shares it. */

import type { Window } from "../geometry";
import { type Cells, type Operator, reduceWindows, zipMaps } from "../maps";
import type { Node, Tape } from "../tape";
import { max } from "./extremes";

export const median: Operator = (t, x, window) =>
  reduceWindows(x, window, (cells) => {
    const ranked = sortCells(t, cells, window, 1);
    const count = cells.nodes.length;
    return t.scale(t.add(ranked[Math.floor((count - 1) / 2)], ranked[Math.floor(count / 2)]), 0.5);
  });

export const ordinal: Operator = (t, x, window, { weights }) =>
  rankedSum(t, x, window, (rank, channel) => {
    const weight = (weights as (number | number[])[])[rank];
    return typeof weight === "number" ? weight : weight[channel];
  });

export const rank_avg: Operator = (t, x, window, { top }) => rankedSum(t, x, window, (rank) => (rank < (top as number) ? 1 : 0));

export const rank_weighted: Operator = (t, x, window, { alpha }) =>
  rankedSum(t, x, window, (rank) => (alpha as number) * (1 - (alpha as number)) ** rank);

export const t_max_avg: Operator = (t, x, window, { top, threshold }) =>
  zipMaps([max(t, x, window, {}), rank_avg(t, x, window, { top })], ([largest, mean]) =>
    t.read(largest) >= (threshold as number) ? largest : mean,
  );

const rankedSum = (
  t: Tape,
  x: Parameters<Operator>[1],
  window: Window,
  weigh: (rank: number, channel: number) => number,
): ReturnType<Operator> =>
  reduceWindows(x, window, (cells) => {
    const ranked = sortCells(t, cells, window, -1).slice(0, cells.nodes.length);
    const weights = ranked.map((_, rank) => weigh(rank, cells.channel));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return total > 0 ? t.scale(t.weigh(weights, ranked), -1 / total) : t.constant(0);
  });

/** The cells, times a sign, from the smallest; padding comes last. */
function sortCells(t: Tape, cells: Cells, window: Window, sign: 1 | -1): Node[] {
  const last = t.constant(Infinity);
  const ranked: Node[] = new Array(window.size[0] * window.size[1]).fill(last);
  cells.nodes.forEach((node, i) => (ranked[cells.taps[i]] = sign < 0 ? t.negate(node) : node));
  for (const [low, high] of comparators(ranked.length)) {
    const [a, b] = [ranked[low], ranked[high]];
    ranked[low] = t.minimum(a, b);
    ranked[high] = t.maximum(a, b);
  }
  return ranked;
}

/** Pairs to compare and exchange that sort any `count` values (Batcher 1968, odd-even merge sort). */
function* comparators(count: number): Generator<[number, number]> {
  for (let span = 1; span < count; span *= 2) {
    for (let step = span; step >= 1; step = Math.floor(step / 2)) {
      for (let start = step % span; start < count - step; start += 2 * step) {
        for (let low = start; low < Math.min(start + step, count - step); low++) {
          if (Math.floor(low / (2 * span)) === Math.floor((low + step) / (2 * span))) yield [low, low + step];
        }
      }
    }
  }
}
