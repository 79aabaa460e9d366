/** Sizes and receptive fields through a stack of windows. */

import { type Pair, type Window, axisDropped, axisOutput, axisPads, extent } from "./geometry";

/** What one layer of a stack makes of one axis. */
export interface Level {
  output: number;
  pads: Pair;
  dropped: number;
  /** Cells of the input that one output sees. */
  field: number;
  /** Cells of the input between neighbouring outputs. */
  jump: number;
  /** Where in the input the middle of the first output's field lies. */
  start: number;
}

/** Each layer's output, r' = r + (extent - 1) j and j' = s j, on one axis; ends before a layer whose window doesn't fit. */
export function followStack(n: number, axis: 0 | 1, windows: Window[]): Level[] {
  const levels: Level[] = [];
  let [size, field, jump, start] = [n, 1, 1, 0];
  for (const window of windows) {
    const output = axisOutput(size, axis, window);
    if (output < 1) break;
    const [pads, span] = [axisPads(size, axis, window), extent(window.size[axis], window.dilation[axis])];
    field += (span - 1) * jump;
    start += ((span - 1) / 2 - pads[0]) * jump;
    jump *= window.stride[axis];
    levels.push({ output, pads, dropped: axisDropped(size, axis, window), field, jump, start });
    size = output;
  }
  return levels;
}
