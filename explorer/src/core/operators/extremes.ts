/** Maximum and minimum of the window; the gradient goes to the first extreme cell in row-major order. */

import { type Cells, type FeatureMap, type Operator, mapNodes, reduceWindows } from "../maps";
import type { Node, Tape } from "../tape";

/** The first of the largest nodes. */
export const firstLargest = (t: Tape, nodes: readonly Node[]): Node =>
  nodes.reduce((top, node) => (t.read(node) > t.read(top) ? node : top));

export const max: Operator = (t, x, window) => reduceWindows(x, window, (cells: Cells) => firstLargest(t, cells.nodes));

export const min: Operator = (t, x, window) => negate(t, max(t, negate(t, x), window, {}));

const negate = (t: Tape, x: FeatureMap): FeatureMap => mapNodes(x, (node) => t.negate(node));
