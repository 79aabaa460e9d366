/** An operator's formula with the numbers of one window put in. Weights are read from the gradient, not computed anew. */

import { type Numbers, axisTaps, pool } from "#core";
import { show, term } from "../numbers";
import type { Chosen } from "./settings";

const MOST_TERMS = 9;
/** Their output is sum w x with w the gradient: linear, or linear where the order of the cells doesn't change. */
const PIECEWISE_LINEAR = new Set([
  ...["blur", "max_blur", "spectral", "diffstride", "adaptive_avg", "adaptive_max", "fractional_max", "s3", "aps", "lps"],
  ...["space_to_depth", "ordinal", "rank_avg", "rank_weighted", "rank_stochastic", "none"],
]);
/** Weighted means; with constant weights the gradient is the weights. */
const WEIGHTED = new Set(["soft", "em", "edscw", "ada"]);

export interface Place {
  row: number;
  column: number;
  channel: number;
}

/** The derivative of one output with respect to every cell of the input. */
export function differentiateOutput({ pooled }: Chosen, { row, column, channel }: Place): Float64Array {
  const cotangent = new Float64Array(pooled!.values.length);
  cotangent[(row * pooled!.width + column) * pooled!.channels + channel] = 1;
  return pooled!.gradient(cotangent);
}

/** Cells of the window of an output, as rows and columns; outside the map where they are padding. */
export function windowTaps({ facts, window }: Chosen, map: Numbers, place: Place): [number, number][] {
  if (facts.kind !== "local" && facts.kind !== "layer") return [];
  const rows = axisTaps(map.height, 0, window)[place.row] ?? [];
  const columns = axisTaps(map.width, 1, window)[place.column] ?? [];
  return rows.flatMap((row) => columns.map((column): [number, number] => [row, column]));
}

/** The formula with its numbers, as lines of text that can be read aloud. */
export function explain(chosen: Chosen, map: Numbers, place: Place): string[] {
  const { facts, options, pooled, window } = chosen;
  const y = show(pooled!.values[(place.row * pooled!.width + place.column) * pooled!.channels + place.channel]);
  const inside = ([row, column]: [number, number]): boolean => row >= 0 && column >= 0 && row < map.height && column < map.width;
  const x = windowTaps(chosen, map, place)
    .filter(inside)
    .map(([row, column]) => map.values[(row * map.width + column) * map.channels + place.channel]);
  const n = options.count_include_pad ? window.size[0] * window.size[1] : x.length;
  const few = (texts: string[], between: string): string =>
    texts.length > MOST_TERMS ? `${texts.slice(0, MOST_TERMS).join(between)}${between}… (${texts.length} in all)` : texts.join(between);
  const list = few(x.map((each) => show(each)), ", ");
  const sum = (each: (value: number) => string): string => few(x.map(each), " + ");
  const of = (name: string): number =>
    pool(name, map, window, {}).values[(place.row * pooled!.width + place.column) * pooled!.channels + place.channel];
  const blend = (share: number): string => `${show(share)} · ${term(of("max"))} + ${show(1 - share)} · ${term(of("avg"))}`;

  if (options.filter_size != null && !["blur", "max_blur"].includes(facts.name)) {
    return [`${facts.name} at stride 1, blurred with ${options.filter_size} taps, then every stride-th cell`, `= ${y}`];
  }
  switch (facts.name) {
    case "max":
    case "min":
      return [`${facts.name}(${list})`, `= ${y}`];
    case "avg":
      return [`(${sum(term)}) / ${n}`, `= ${y}`];
    case "haar":
      return [`√${window.size[0] * window.size[1]} · (${sum(term)}) / ${x.length}`, `= ${y}`];
    case "lp":
      return [`(${sum((each) => `|${show(each)}|^${show(options.p as number)}`)})^(1/${show(options.p as number)})`, `= ${y}`];
    case "gem":
      return [
        `((${sum((each) => `${show(Math.max(each, options.eps as number))}^${show(options.p as number)}`)}) / ${x.length})^(1/${show(options.p as number)})`,
        `= ${y}`,
      ];
    case "lse": {
      const beta = show(options.beta as number);
      return [`1/${beta} · ln((${sum((each) => `e^(${beta} · ${term(each)})`)}) / ${x.length})`, `= ${y}`];
    }
    case "stochastic": {
      const positive = (each: number): string => show(Math.max(each, 0));
      return [`(${sum((each) => `${positive(each)}²`)}) / (${sum(positive)})`, `= ${y}`, "the mean of its draws, as when evaluated"];
    }
    case "mixed":
      return [`α max + (1 − α) avg = ${blend(options.alpha as number)}`, `= ${y}`];
    case "random_mixed":
      return [`½ max + ½ avg = ${blend(0.5)}`, `= ${y}`];
    case "gated": {
      const [top, mean] = [of("max"), of("avg")];
      const g = top === mean ? 0.5 : (pooled!.values[(place.row * pooled!.width + place.column) * pooled!.channels + place.channel] - mean) / (top - mean);
      return [`g max + (1 − g) avg with g = ${show(g)}: ${blend(g)}`, `= ${y}`];
    }
    case "subsample":
      return [`the first of ${list}`, `= ${y}`];
    case "median": {
      const sorted = [...x].sort((a, b) => a - b);
      return [`the middle of ${few(sorted.map((each) => show(each)), " ≤ ")}`, `= ${y}`];
    }
    case "space_to_depth":
      return [`cell ${place.channel + 1} of the block, unchanged`, `= ${y}`];
    default:
      return explainByGradient(chosen, map, place, y);
  }
}

/** sum w x for what is linear here or a weighted mean; else only how strongly each cell counts. */
function explainByGradient(chosen: Chosen, map: Numbers, place: Place, y: string): string[] {
  const weighted = WEIGHTED.has(chosen.facts.name);
  const source = weighted
    ? { ...chosen, pooled: pool(chosen.facts.name, map, chosen.window, { ...chosen.options, gradient: "truncated" }) }
    : chosen;
  const weights = differentiateOutput(source, place);
  const terms = Array.from(weights, (weight, cell) => ({ weight, value: map.values[cell] }))
    .filter(({ weight }) => Math.abs(weight) > 1e-9)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  const shown = terms.slice(0, MOST_TERMS).map(({ weight, value }) => `${term(weight)} · ${term(value)}`);
  const rest = terms.length > shown.length ? ` + … (${terms.length} terms)` : "";
  if (weighted || PIECEWISE_LINEAR.has(chosen.facts.name)) return [`Σ w x = ${shown.join(" + ") || "0"}${rest}`, `= ${y}`];
  const strongest = terms.slice(0, 3).map(({ weight, value }) => `${show(value)} (slope ${show(weight)})`);
  return [`${chosen.facts.formula} = ${y}`, `most of its change comes from ${strongest.join(", ") || "no cell"}`];
}
