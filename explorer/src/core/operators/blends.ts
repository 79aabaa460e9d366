/** Blends of maximum and average, and the tree of learned filters that generalises them. */

import type { Window } from "../geometry";
import { type Cells, type FeatureMap, type Operator, type Options, ofChannel, reduceWindows, zipMaps } from "../maps";
import type { Node, Tape } from "../tape";
import { avg } from "./averages";
import { max } from "./extremes";

export const mixed: Operator = (t, x, window, { alpha }) =>
  zipMaps([max(t, x, window, {}), avg(t, x, window, {})], ([top, mean], channel) => {
    const share = ofChannel(alpha, channel);
    return t.add(t.scale(top, share), t.scale(mean, 1 - share));
  });

export const random_mixed: Operator = (t, x, window) => mixed(t, x, window, { alpha: 0.5 });

export const gated: Operator = (t, x, window, { kernel }) =>
  zipMaps([max(t, x, window, {}), avg(t, x, window, {}), filterWindows(t, x, window, kernel)], ([top, mean, score]) =>
    interpolate(t, t.sigmoid(score), top, mean),
  );

export const tree: Operator = (t, x, window, { leaves, gates }) => {
  let nodes = (leaves as Options[string][]).map((leaf) => filterWindows(t, x, window, leaf));
  while (nodes.length > 1) {
    const half = nodes.length / 2;
    const level = (gates as Options[string][]).slice(half - 1, 2 * half - 1);
    nodes = level.map((gate, i) =>
      zipMaps([filterWindows(t, x, window, gate), nodes[2 * i], nodes[2 * i + 1]], ([score, left, right]) =>
        interpolate(t, t.sigmoid(score), left, right),
      ),
    );
  }
  return nodes[0];
};

/** g left + (1 - g) right. */
function interpolate(t: Tape, g: Node, left: Node, right: Node): Node {
  return t.add(t.multiply(g, left), t.multiply(t.scale(g, -1, 1), right));
}

/** sum w x over each window; kernel: (h, w) or (h, w, C). */
function filterWindows(t: Tape, x: FeatureMap, window: Window, kernel: Options[string]): FeatureMap {
  const weights = (kernel as Options[string][][]).flat();
  return reduceWindows(x, window, ({ nodes, taps, channel }: Cells) =>
    t.weigh(taps.map((tap) => ofChannel(weights[tap], channel)), nodes),
  );
}
