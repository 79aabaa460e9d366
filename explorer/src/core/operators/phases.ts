/** Operators on polyphase components: the maps that start at each offset and take every s-th cell. */

import type { Window } from "../geometry";
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
  takeCells,
  zipMaps,
} from "../maps";
import type { Tape } from "../tape";
import { bins } from "./grids";
import { largest } from "./norms";

/** The phases in row-major order of their offsets; a cell past the edge wraps around. */
export function splitPhases(x: FeatureMap, window: Window): FeatureMap[] {
  const [height, width] = outputSize(x, window);
  const [down, across] = window.stride;
  const cells = (length: number, offset: number, step: number, n: number): number[] =>
    Array.from({ length }, (_, i) => (offset + step * i) % n);
  return Array.from({ length: down * across }, (_, phase) =>
    takeCells(
      x,
      cells(height, Math.floor(phase / across), down, x.height),
      cells(width, phase % across, across, x.width),
    ),
  );
}

export const space_to_depth: Operator = (_, x, window) => {
  const phases = splitPhases(x, window);
  const [{ height, width }] = phases;
  return makeMap(height, width, phases.length * x.channels, (row, column, channel) =>
    at(phases[Math.floor(channel / x.channels)], row, column, channel % x.channels),
  );
};

const NORMS: Record<string, (values: number[]) => number> = {
  l2: (values) => values.reduce((sum, value) => sum + value * value, 0),
  l1: (values) => values.reduce((sum, value) => sum + Math.abs(value), 0),
  linf: (values) => Math.max(...values.map(Math.abs)),
};

export const aps: Operator = (t, x, window, { norm }) => {
  const phases = splitPhases(x, window);
  return pickBest(phases, phases.map((phase) => NORMS[norm as string](Array.from(phase.nodes, (node) => t.read(node)))));
};

export const lps: Operator = (t, x, window, { kernel1, bias1, kernel2, bias2 }) => {
  const phases = splitPhases(x, window);
  const scores = phases.map((phase) => {
    const hidden = mapNodes(convolveAround(t, phase, kernel1, bias1), (node) => t.relu(node));
    return NORMS.mean(Array.from(convolveAround(t, hidden, kernel2, bias2).nodes, (node) => t.read(node)));
  });
  return pickBest(phases, scores);
};

NORMS.mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export const tips: Operator = (t, x, window, { kernel, scale }) => {
  const phases = splitPhases(x, window);
  const seen = makeMap(x.height, x.width, x.channels, (row, column, channel) => {
    let total = t.constant(0);
    for (const i of [0, 1, 2]) {
      for (const j of [0, 1, 2]) {
        const [r, c] = [row + i - 1, column + j - 1];
        if (r < 0 || r >= x.height || c < 0 || c >= x.width) continue;
        total = t.addScaled(total, at(x, r, c, channel), entry(kernel, i, j, channel));
      }
    }
    return t.relu(total);
  });
  const [rows, columns] = [bins(x.height, window.stride[0]), bins(x.width, window.stride[1])];
  const shares = Array.from({ length: x.channels }, (_, channel) => {
    const scores = rows.flatMap((bin) =>
      columns.map((other) => t.mean(bin.flatMap((r) => other.map((c) => at(seen, r, c, channel))))),
    );
    const scaled = scores.map((score) => t.scale(score, ofChannel(scale, channel)));
    const weights = scaled.map((score) => t.exp(t.scale(score, 1, -largest(t, scaled))));
    const total = t.sum(weights);
    return weights.map((weight) => t.divide(weight, total));
  });
  return zipMaps(phases, (nodes, channel) => t.sum(nodes.map((node, phase) => t.multiply(shares[channel][phase], node))));
};

const pickBest = (phases: FeatureMap[], scores: number[]): FeatureMap => phases[scores.indexOf(Math.max(...scores))];

/** A 3x3 convolution on a map that wraps around; kernel: (3, 3, C, filters). */
function convolveAround(t: Tape, x: FeatureMap, kernel: Options[string], bias: Options[string]): FeatureMap {
  const filters = (bias as number[]).length;
  return makeMap(x.height, x.width, filters, (row, column, filter) => {
    let total = t.constant(entry(bias, filter));
    for (const i of [0, 1, 2]) {
      for (const j of [0, 1, 2]) {
        const [r, c] = [(row + i - 1 + x.height) % x.height, (column + j - 1 + x.width) % x.width];
        for (let channel = 0; channel < x.channels; channel++) {
          total = t.addScaled(total, at(x, r, c, channel), entry(kernel, i, j, channel, filter));
        }
      }
    }
    return total;
  });
}
