/** Arithmetic mean of the window, and the Haar wavelet's low band, which is a multiple of it. */

import { type Operator, reduceWindows } from "../maps";

export const avg: Operator = (t, x, window, { count_include_pad }) =>
  reduceWindows(x, window, ({ nodes }) =>
    t.scale(t.sum(nodes), 1 / (count_include_pad ? window.size[0] * window.size[1] : nodes.length)),
  );

export const haar: Operator = (t, x, window) =>
  reduceWindows(x, window, ({ nodes }) => t.scale(t.mean(nodes), Math.sqrt(window.size[0] * window.size[1])));
