/** Example weights of operators that learn: drawn here, the same for the same number, since a page has no training. */

import type { Nested, Options, Window } from "#core";
import type { OperatorFacts } from "../facts";

/** Uniform numbers in (0, 1) from a seed (mulberry32). */
function* uniform(seed: number): Generator<number> {
  for (let state = seed * 0x9e3779b9; ; ) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    yield (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
  }
}

const fill = (shape: number[], next: () => number): Nested =>
  shape.length ? Array.from({ length: shape[0] }, () => fill(shape.slice(1), next)) : next();

/** A value of everything that the operator learns and that is no option of it. */
export function drawWeights(facts: OperatorFacts, window: Window, channels: number, draw: number): Options {
  const [h, w] = window.size;
  const sizes: Record<string, number> = { h, w, K: h * w, C: channels, hidden: 8, "2^depth": 2, "2^depth - 1": 1 };
  const numbers = uniform(draw);
  const one = (): number => numbers.next().value as number;
  const normal = (spread: number): number => spread * Math.sqrt(-2 * Math.log(one())) * Math.cos(2 * Math.PI * one());
  const weights: Options = {};
  for (const [name, shape] of Object.entries(facts.learned)) {
    if (name in facts.options) continue;
    const size = shape.map((each) => (typeof each === "number" ? each : sizes[each]));
    weights[name] = fill(size, INITIAL[`${facts.name}.${name}`]?.(one, normal, h * w) ?? (() => normal(0.5)));
  }
  if (facts.name === "diffstride") weights.strides = window.stride.map((stride) => 1.25 * stride);
  if (facts.name === "ordinal") weights.weights = normalise(weights.weights as number[][]);
  if (facts.name === "dpp") return { sharpness: 0, offset: 0 };
  return weights;
}

type Drawer = (one: () => number, normal: (spread: number) => number, cells: number) => () => number;
const zero: Drawer = () => () => 0;
const INITIAL: Record<string, Drawer> = {
  "strided_conv.kernel": (_, normal, cells) => () => normal(Math.sqrt(2 / cells)),
  "strided_conv.bias": zero,
  "tree.leaves": (_, normal, cells) => () => (1 + normal(0.5)) / cells,
  "ordinal.weights": (one) => () => -Math.log(one()),
  "lip.scale": () => () => 1,
  "lip.bias": zero,
  "tips.scale": () => () => 1,
  "wavelet_bands.weights": () => () => 1,
  "strip.bias": zero,
  "conv_max.kernel": (_, normal, cells) => () => normal(Math.sqrt(2 / cells)),
  "conv_max.bias": zero,
  "lps.bias1": zero,
  "lps.bias2": zero,
  "lift.depthwise_bias": zero,
  "lift.pointwise_bias": zero,
};

/** Columns that add up to 1. */
function normalise(weights: number[][]): number[][] {
  const totals = weights[0].map((_, channel) => weights.reduce((sum, row) => sum + row[channel], 0));
  return weights.map((row) => row.map((weight, channel) => weight / totals[channel]));
}

/** Whether its weights are drawn here. */
export const isDrawn = (facts: OperatorFacts): boolean =>
  !["dpp", "diffstride"].includes(facts.name) && Object.keys(facts.learned).some((name) => !(name in facts.options));
