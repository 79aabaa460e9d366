/** Means whose weights look at the window: detail-preserving pooling, eDSCW and AdaPool. */

import { type Window, axisTaps } from "../geometry";
import { type FeatureMap, type Operator, type Options, at, entry, makeMap, ofChannel, reduceWindows, zipMaps } from "../maps";
import type { Tape } from "../tape";
import { largest, soft, weightedMean } from "./norms";

export const dpp: Operator = (t, x, window, { sharpness, offset, asymmetric, kernel, bias }) => {
  const smooth = kernel == null ? null : filterMiddle(t, x, window, kernel, bias);
  return reduceWindows(x, window, ({ nodes, row, column, channel }) => {
    const level = smooth ? at(smooth, row, column, channel) : t.mean(nodes);
    const details = nodes.map((node) => t.subtract(node, level));
    const squares = details.map((detail) => t.scale(t.square(asymmetric ? t.relu(detail) : detail), 1, 1e-3));
    const typical = t.log(t.mean(squares));
    const power = Math.exp(ofChannel(sharpness, channel)) / 2;
    const floor = Math.exp(Math.min(ofChannel(offset, channel), 10));
    const weights = squares.map((square) => t.scale(t.exp(t.scale(t.subtract(t.log(square), typical), power)), 1, floor));
    return weightedMean(t, weights, nodes);
  });
};

/** A 3x3 depthwise filter around each window's cell (k - 1) // 2, zero outside the map. */
function filterMiddle(t: Tape, x: FeatureMap, window: Window, kernel: Options[string], bias: Options[string]): FeatureMap {
  const middles = ([n, axis]: [number, 0 | 1]): number[] =>
    axisTaps(n, axis, window).map((taps) => taps[Math.floor((window.size[axis] - 1) / 2)]);
  const [rows, columns] = [middles([x.height, 0]), middles([x.width, 1])];
  return makeMap(rows.length, columns.length, x.channels, (row, column, channel) => {
    let total = t.constant(bias == null ? 0 : ofChannel(bias, channel));
    for (const i of [0, 1, 2]) {
      for (const j of [0, 1, 2]) {
        const [r, c] = [rows[row] + (i - 1) * window.dilation[0], columns[column] + (j - 1) * window.dilation[1]];
        if (r < 0 || r >= x.height || c < 0 || c >= x.width) continue;
        total = t.addScaled(total, at(x, r, c, channel), entry(kernel, i, j, channel));
      }
    }
    return total;
  });
}

export const edscw: Operator = (t, x, window, { gradient }) =>
  reduceWindows(x, window, ({ nodes }) => {
    const top = largest(t, nodes.map((node) => t.constant(Math.abs(t.read(node)))));
    const scaled = nodes.map((node) => t.scale(node, top > 0 ? 1 / top : 1));
    const middle = t.mean(scaled);
    const weights = scaled.map((cell) => {
      const squares = t.add(t.square(cell), t.square(middle));
      if (t.read(squares) === 0) return t.constant(Math.E);
      return t.exp(t.divide(t.scale(t.abs(t.multiply(cell, middle)), 2), squares));
    });
    return weightedMean(t, gradient === "truncated" ? weights.map((weight) => t.stop(weight)) : weights, nodes);
  });

export const em: Operator = (t, x, window, { gradient }) => soft(t, x, window, { beta: 1, gradient });

export const ada: Operator = (t, x, window, options) =>
  zipMaps([edscw(t, x, window, options), em(t, x, window, options)], ([similar, strong], channel) => {
    const share = ofChannel(options.alpha, channel);
    return t.add(t.scale(similar, share), t.scale(strong, 1 - share));
  });
