/** Means between average and maximum: power means, log-mean-exp and the softmax-weighted mean. */

import { type Operator, mapNodes, ofChannel, reduceWindows } from "../maps";
import type { Node, Tape } from "../tape";

const TINY = 2.2250738585072014e-308; // the smallest normal number

export const lp: Operator = (t, x, window, { p }) =>
  reduceWindows(mapNodes(x, (node) => t.abs(node)), window, ({ nodes, channel }) => {
    const exponent = ofChannel(p, channel);
    const top = largest(t, nodes);
    if (top < TINY) return t.constant(0);
    const total = t.sum(nodes.map((node) => t.power(t.scale(node, 1 / top), exponent)));
    return t.scale(t.power(total, 1 / exponent), top);
  });

export const gem: Operator = (t, x, window, { p, eps }) => {
  const least = t.constant(eps as number);
  return reduceWindows(mapNodes(x, (node) => t.maximum(node, least)), window, ({ nodes, channel }) => {
    const exponent = ofChannel(p, channel);
    const top = largest(t, nodes);
    const mean = t.mean(nodes.map((node) => t.power(t.scale(node, 1 / top), exponent)));
    return t.scale(t.power(mean, 1 / exponent), top);
  });
};

export const lse: Operator = (t, x, window, { beta }) =>
  reduceWindows(x, window, ({ nodes, channel }) => {
    const sharpness = ofChannel(beta, channel);
    const scores = nodes.map((node) => t.scale(node, sharpness));
    const top = largest(t, scores);
    const mean = t.mean(scores.map((score) => t.exp(t.scale(score, 1, -top))));
    return t.scale(t.log(mean), 1 / sharpness, top / sharpness);
  });

export const soft: Operator = (t, x, window, { beta, gradient }) =>
  reduceWindows(x, window, ({ nodes, channel }) => {
    const scores = nodes.map((node) => t.scale(node, ofChannel(beta, channel)));
    const top = largest(t, scores);
    const weights = scores.map((score) => t.exp(t.scale(score, 1, -top)));
    return weightedMean(t, gradient === "truncated" ? weights.map((weight) => t.stop(weight)) : weights, nodes);
  });

/** sum w x / sum w. */
export function weightedMean(t: Tape, weights: Node[], nodes: Node[]): Node {
  return t.divide(t.sum(nodes.map((node, i) => t.multiply(weights[i], node))), t.sum(weights));
}

/** The largest value, as a plain number: a scale that gradients don't pass. */
export const largest = (t: Tape, nodes: readonly Node[]): number => Math.max(...nodes.map((node) => t.read(node)));
