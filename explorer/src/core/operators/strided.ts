/** A strided convolution in the place of a pool, and its control: a convolution before a pool. */

import { type Window, axisTaps } from "../geometry";
import { type FeatureMap, type Operator, type Options, at, entry, makeMap, mapNodes, outputSize } from "../maps";
import type { Tape } from "../tape";
import { max } from "./extremes";

export const strided_conv: Operator = (t, x, window, { kernel, bias }) =>
  mapNodes(convolve(t, x, window, kernel, bias), (node) => t.relu(node));

export const conv_max: Operator = (t, x, window, { kernel, bias }) => {
  const pads = window.size.map((k, axis) => [Math.floor((k - 1) / 2), Math.floor(k / 2)].map((n) => n * window.dilation[axis]));
  const dense: Window = { ...window, stride: [1, 1], padding: pads as [[number, number], [number, number]] };
  return max(t, mapNodes(convolve(t, x, dense, kernel, bias), (node) => t.relu(node)), window, {});
};

/** kernel: (h, w, C, filters); padding counts as 0. */
function convolve(t: Tape, x: FeatureMap, window: Window, kernel: Options[string], bias: Options[string]): FeatureMap {
  const [height, width] = outputSize(x, window);
  const [rows, columns] = [axisTaps(x.height, 0, window), axisTaps(x.width, 1, window)];
  const filters = (kernel as number[][][][])[0][0][0].length;
  return makeMap(height, width, filters, (row, column, filter) => {
    let total = t.constant(bias == null ? 0 : entry(bias, filter));
    rows[row].forEach((r, i) =>
      columns[column].forEach((c, j) => {
        if (r < 0 || r >= x.height || c < 0 || c >= x.width) return;
        for (let channel = 0; channel < x.channels; channel++) {
          total = t.addScaled(total, at(x, r, c, channel), entry(kernel, i, j, channel, filter));
        }
      }),
    );
    return total;
  });
}
