/** The operators of the page by name, their values and their gradients. */

import type { Window } from "./geometry";
import { type FeatureMap, type Operator, type Options, makeMap } from "./maps";
import { avg, haar } from "./operators/averages";
import { gated, mixed, random_mixed, tree } from "./operators/blends";
import { antiAliased, blur, edge_blur, max_blur } from "./operators/blur";
import { max, min } from "./operators/extremes";
import { adaptive_avg, adaptive_max, fractional_max, s3 } from "./operators/grids";
import { lift, lip, strip } from "./operators/learned";
import { gem, lp, lse, soft } from "./operators/norms";
import { aps, lps, space_to_depth, tips } from "./operators/phases";
import { median, ordinal, rank_avg, rank_weighted, t_max_avg } from "./operators/ranks";
import { none, stochastic, subsample } from "./operators/sampling";
import { asap, diffstride, flc, frequency, spectral } from "./operators/spectral";
import { conv_max, strided_conv } from "./operators/strided";
import { wavelet, wavelet_bands } from "./operators/wavelets";
import { ada, dpp, edscw, em } from "./operators/weighted";
import { Tape } from "./tape";

export * from "./geometry";
export type { Nested, Options } from "./maps";
export * from "./stack";
export * from "./statistics";
export * from "./torus";

/** Every operator, those that draw at random in their evaluation form. */
export const OPERATORS: Record<string, Operator> = {
  ...{ none, max, avg, min, lp, gem, lse, soft, stochastic, mixed, gated, subsample, strided_conv, blur, max_blur, median },
  ...{ ordinal, tree, random_mixed, dpp, edscw, em, ada, haar, lip, spectral, diffstride, fractional_max, s3, aps, lps },
  ...{ lift, space_to_depth, adaptive_avg, adaptive_max, rank_avg, rank_weighted, rank_stochastic: rank_weighted },
  ...{ t_max_avg, edge_blur, conv_max, strip, frequency, flc, asap, wavelet, wavelet_bands, tips },
};

const OWN_BLUR = new Set(["blur", "max_blur", "edge_blur"]);

/** Numbers of a map, rows first, then columns, then channels. */
export interface Numbers {
  height: number;
  width: number;
  channels: number;
  values: Float64Array | number[];
}

export interface Pooled extends Numbers {
  /** The derivative of sum cotangent * output with respect to every number of the input. */
  gradient(cotangent: ArrayLike<number>): Float64Array;
}

/** Apply an operator. Throws GeometryError where the window doesn't fit. */
export function pool(name: string, input: Numbers, window: Window, options: Options = {}): Pooled {
  const tape = new Tape();
  let place = 0;
  const x = makeMap(input.height, input.width, input.channels, () => tape.constant(input.values[place++]));
  const blurred = options.filter_size != null && !OWN_BLUR.has(name);
  const operator = blurred ? antiAliased(OPERATORS[name]) : OPERATORS[name];
  const y: FeatureMap = operator(tape, x, window, options);
  return {
    height: y.height,
    width: y.width,
    channels: y.channels,
    values: Float64Array.from(y.nodes, (node) => tape.read(node)),
    gradient(cotangent) {
      const all = tape.differentiate(y.nodes, cotangent);
      return Float64Array.from(x.nodes, (node) => all[node]);
    },
  };
}
