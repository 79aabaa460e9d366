/** What a sliding window reads: the integer arithmetic of `poolscope.spec.geometry`, on one axis at a time. */

export type Pair = [number, number];
export type Padding = "VALID" | "SAME" | [Pair, Pair];

/** Size, stride and dilation as [height, width]; padding as a rule or [[top, bottom], [left, right]]. */
export interface Window {
  size: Pair;
  stride: Pair;
  padding: Padding;
  dilation: Pair;
}

/** A sentence for whoever set the window. */
export class GeometryError extends Error {}

/** Cells that a window of `size` cells spans on one axis. */
export const extent = (size: number, dilation: number): number => dilation * (size - 1) + 1;

export function axisPads(n: number, axis: 0 | 1, window: Window): Pair {
  const [k, s, d] = [window.size[axis], window.stride[axis], window.dilation[axis]];
  if (typeof window.padding !== "string") return window.padding[axis];
  if (window.padding === "VALID") return [0, 0];
  const total = Math.max((Math.ceil(n / s) - 1) * s + extent(k, d) - n, 0);
  return [Math.floor(total / 2), total - Math.floor(total / 2)];
}

/** Cells on one axis of the output; 0 or less where the window doesn't fit. */
export function axisOutput(n: number, axis: 0 | 1, window: Window): number {
  const [before, after] = axisPads(n, axis, window);
  return Math.floor((n + before + after - extent(window.size[axis], window.dilation[axis])) / window.stride[axis]) + 1;
}

/** Rows at the bottom, or columns at the right, that no window reads. */
export function axisDropped(n: number, axis: 0 | 1, window: Window): number {
  const before = axisPads(n, axis, window)[0];
  const end = (axisOutput(n, axis, window) - 1) * window.stride[axis] + extent(window.size[axis], window.dilation[axis]);
  return Math.max(0, n + before - end);
}

/** For each output of an axis, the cells that its taps read; outside 0..n-1 where they are padding. */
export function axisTaps(n: number, axis: 0 | 1, window: Window): number[][] {
  const before = axisPads(n, axis, window)[0];
  return Array.from({ length: Math.max(0, axisOutput(n, axis, window)) }, (_, out) =>
    Array.from({ length: window.size[axis] }, (_, tap) => tap * window.dilation[axis] + out * window.stride[axis] - before),
  );
}

/** The same window with its padding as two pairs of numbers. */
export function fixPadding(height: number, width: number, window: Window): Window {
  return { ...window, padding: [axisPads(height, 0, window), axisPads(width, 1, window)] };
}

/** The window at stride 1 with the padding that it has at its own stride. */
export function denseWindow(height: number, width: number, window: Window): Window {
  return { ...fixPadding(height, width, window), stride: [1, 1] };
}

/**
 * The window with as much padding at the bottom and right as makes a last, partial window count: PyTorch's ceil_mode.
 * A window that would start in that padding is left out, as there.
 */
export function withCeiling(height: number, width: number, window: Window): Window {
  const pads = [height, width].map((n, index): Pair => {
    const axis = index as 0 | 1;
    const [before, after] = axisPads(n, axis, window);
    const [s, span] = [window.stride[axis], extent(window.size[axis], window.dilation[axis])];
    let out = Math.ceil((n + before + after - span) / s) + 1;
    if ((out - 1) * s >= n + before) out -= 1;
    return [before, Math.max(after, (out - 1) * s + span - n - before)];
  });
  return { ...window, padding: pads as [Pair, Pair] };
}

/** Refuse a window that doesn't fit a map, or would see nothing but padding. */
export function checkWindow(height: number, width: number, window: Window): void {
  for (const [n, axis] of [[height, 0], [width, 1]] as const) {
    const side = axis ? "wide" : "high";
    if (axisOutput(n, axis, window) < 1) {
      const span = extent(window.size[axis], window.dilation[axis]);
      throw new GeometryError(`The window spans ${span} cells, but the map is only ${n} ${side}.`);
    }
    if (axisTaps(n, axis, window).some((taps) => taps.every((cell) => cell < 0 || cell >= n))) {
      throw new GeometryError("A window would see nothing but padding: use less padding or a larger window.");
    }
  }
}
