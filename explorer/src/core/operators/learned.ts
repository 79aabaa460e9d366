/** Pooling by small learned networks: local importance, strips and lifting. */

import {
  type FeatureMap,
  type Operator,
  type Options,
  at,
  entry,
  makeMap,
  mapNodes,
  ofChannel,
  outputSize,
  reduceWindows,
  zipMaps,
} from "../maps";
import type { Node } from "../tape";
import { avg } from "./averages";
import { weightedMean } from "./norms";

export const lip: Operator = (t, x, window, { kernel, scale, bias }) => {
  const seen = makeMap(x.height, x.width, x.channels, (row, column, filter) => {
    let total = t.constant(0);
    for (const i of [0, 1, 2]) {
      for (const j of [0, 1, 2]) {
        const [r, c] = [row + i - 1, column + j - 1];
        if (r < 0 || r >= x.height || c < 0 || c >= x.width) continue;
        for (let channel = 0; channel < x.channels; channel++) {
          total = t.addScaled(total, at(x, r, c, channel), entry(kernel, i, j, channel, filter));
        }
      }
    }
    return total;
  });
  const ofOne = (channel: number): Node[] => Array.from(seen.nodes.filter((_, place) => place % x.channels === channel));
  const statistics = Array.from({ length: x.channels }, (_, channel) => {
    const mean = t.mean(ofOne(channel));
    const variance = t.mean(ofOne(channel).map((node) => t.square(t.subtract(node, mean))));
    const shifted = t.read(variance) + 1e-5;
    return { mean, deviation: t.apply(variance, shifted ** -0.5, -0.5 * shifted ** -1.5) };
  });
  const importance = mapNodes(seen, (node, channel) => {
    const { mean, deviation } = statistics[channel];
    const normed = t.multiply(t.subtract(node, mean), deviation);
    const logit = t.scale(t.sigmoid(t.scale(normed, ofChannel(scale, channel), ofChannel(bias, channel))), 12);
    return t.exp(logit);
  });
  const weights: Node[][] = [];
  reduceWindows(importance, window, ({ nodes }) => (weights.push(nodes), nodes[0]));
  let place = 0;
  return reduceWindows(x, window, ({ nodes }) => weightedMean(t, weights[place++], nodes));
};

export const strip: Operator = (t, x, window, options) => {
  const channels = Array.from({ length: x.channels }, (_, channel) => channel);
  const filter = (means: Node[][], kernel: Options[string]): Node[][] =>
    means.map((_, place) =>
      channels.map((filter) => {
        const taps = [0, 1, 2].filter((tap) => means[place + tap - 1]);
        const nodes = taps.flatMap((tap) => means[place + tap - 1]);
        return t.weigh(taps.flatMap((tap) => channels.map((channel) => entry(kernel, tap, channel, filter))), nodes);
      }),
    );
  const along = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const ofRows = along(x.height).map((row) => channels.map((k) => t.mean(along(x.width).map((column) => at(x, row, column, k)))));
  const ofColumns = along(x.width).map((column) => channels.map((k) => t.mean(along(x.height).map((row) => at(x, row, column, k)))));
  const [down, across] = [filter(ofRows, options.rows), filter(ofColumns, options.columns)];
  const hidden = makeMap(x.height, x.width, x.channels, (row, column, channel) => t.relu(t.add(down[row][channel], across[column][channel])));
  const gated = makeMap(x.height, x.width, x.channels, (row, column, channel) => {
    const score = t.weigh(channels.map((each) => entry(options.mix, each, channel)), channels.map((each) => at(hidden, row, column, each)));
    return t.multiply(at(x, row, column, channel), t.sigmoid(t.scale(score, 1, ofChannel(options.bias, channel))));
  });
  return avg(t, gated, window, {});
};

export const lift: Operator = (t, x, window, options) => {
  const [height, width] = outputSize(x, window);
  const { depthwise, depthwise_bias, pointwise, pointwise_bias, bands } = options;

  const network = (maps: FeatureMap, axis: 0 | 1, which: number): FeatureMap => {
    const path = [1 - axis, which];
    const n = axis ? maps.width : maps.height;
    const clip = (cell: number): number => Math.min(Math.max(cell, 0), n - 1);
    const hidden = makeMap(maps.height, maps.width, maps.channels, (row, column, channel) => {
      const taps = [-1, 0, 1].map((step) =>
        axis ? at(maps, row, clip(column + step), channel) : at(maps, clip(row + step), column, channel),
      );
      const weights = taps.map((_, tap) => entry(depthwise, ...path, tap, channel));
      return t.relu(t.scale(t.weigh(weights, taps), 1, entry(depthwise_bias, ...path, channel)));
    });
    return makeMap(maps.height, maps.width, maps.channels, (row, column, channel) => {
      const inputs = Array.from({ length: maps.channels }, (_, each) => at(hidden, row, column, each));
      const weights = inputs.map((_, each) => entry(pointwise, ...path, each, channel));
      return t.tanh(t.scale(t.weigh(weights, inputs), 1, entry(pointwise_bias, ...path, channel)));
    });
  };

  const split = (maps: FeatureMap, axis: 0 | 1): [FeatureMap, FeatureMap] => {
    const [n, out] = axis ? [maps.width, width] : [maps.height, height];
    const [even, odd] = [0, 1].map((parity) => {
      const last = Math.max(n - 1 - (((n - 1 - parity) % 2) + 2) % 2, 0);
      const cells = Array.from({ length: out }, (_, i) => Math.min(parity + 2 * i, last));
      return axis
        ? makeMap(maps.height, out, maps.channels, (row, column, channel) => at(maps, row, cells[column], channel))
        : makeMap(out, maps.width, maps.channels, (row, column, channel) => at(maps, cells[row], column, channel));
    });
    const detail = zipMaps([odd, network(even, axis, 0)], ([a, b]) => t.subtract(a, b));
    return [zipMaps([even, network(detail, axis, 1)], ([a, b]) => t.add(a, b)), detail];
  };

  const [coarse, detail] = split(x, 1);
  const [low, high] = split(coarse, 0);
  return bands === "sum" ? zipMaps([low, high, ...split(detail, 0)], (nodes) => t.sum(nodes)) : low;
};
