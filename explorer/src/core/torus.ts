/** Maps without edges: shifts by parts of a pixel, operators on a map that wraps around, and spectra. */

import { type Window, extent } from "./geometry";
import { type Numbers, pool } from "./index";
import type { Options } from "./maps";

/** A square or oblong map of one channel. */
export interface Plane {
  height: number;
  width: number;
  values: Float64Array;
}

/** Real and imaginary parts of a plane's discrete Fourier transform, rows of frequencies first. */
export interface Spectrum {
  height: number;
  width: number;
  real: Float64Array;
  imaginary: Float64Array;
}

/** The matrix that moves an axis of n cells by `shift` cells, by Fourier interpolation: exact where shift is whole. */
function shiftMatrix(n: number, shift: number): number[][] {
  const half = Math.floor((n - 1) / 2);
  const weight = (distance: number): number => {
    let total = 1;
    for (let f = 1; f <= half; f++) total += 2 * Math.cos((2 * Math.PI * f * (distance - shift)) / n);
    // Of the highest frequency of an even size only what is real can be kept.
    return (n % 2 ? total : total + Math.cos(Math.PI * distance) * Math.cos(Math.PI * shift)) / n;
  };
  return Array.from({ length: n }, (_, out) => Array.from({ length: n }, (_, cell) => weight(out - cell)));
}

/** The plane moved down and right by parts of a cell; what leaves at one side enters at the other. */
export function shiftPlane(plane: Plane, down: number, right: number): Plane {
  const { height, width, values } = plane;
  if (Number.isInteger(down) && Number.isInteger(right)) {
    const moved = new Float64Array(values.length);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const [r, c] = [(((row - down) % height) + height) % height, (((column - right) % width) + width) % width];
        moved[row * width + column] = values[r * width + c];
      }
    }
    return { height, width, values: moved };
  }
  return transform(plane, shiftMatrix(height, down), shiftMatrix(width, right));
}

function transform(plane: Plane, rows: number[][], columns: number[][]): Plane {
  const { height, width, values } = plane;
  const between = new Float64Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let total = 0;
      for (let r = 0; r < height; r++) total += rows[row][r] * values[r * width + column];
      between[row * width + column] = total;
    }
  }
  const result = new Float64Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let total = 0;
      for (let c = 0; c < width; c++) total += columns[column][c] * between[row * width + c];
      result[row * width + column] = total;
    }
  }
  return { height, width, values: result };
}

/**
 * An operator on a plane without edges: the plane is continued over its edges by a margin, and the margin's outputs are
 * cut off again, as `poolscope.measures.torus` does it. stride1: the operator before its subsampling. whole: no margin, for
 * operators that see the whole map.
 */
export function poolOnTorus(name: string, plane: Plane, window: Window, options: Options, stride1 = false, whole = false): Plane {
  const stride = stride1 ? ([1, 1] as [number, number]) : window.stride;
  const reach = [0, 1].map((axis) => {
    if (whole) return 0;
    const span = extent(window.size[axis], window.dilation[axis]) + (Number(options.filter_size ?? 0) || 3) + window.stride[axis];
    return Math.ceil(span / window.stride[axis]) * window.stride[axis];
  });
  const [height, width] = [plane.height + 2 * reach[0], plane.width + 2 * reach[1]];
  const values = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    const r = (((row - reach[0]) % plane.height) + plane.height) % plane.height;
    for (let column = 0; column < width; column++) {
      const c = (((column - reach[1]) % plane.width) + plane.width) % plane.width;
      values[row * width + column] = plane.values[r * plane.width + c];
    }
  }
  const found: Numbers = pool(name, { height, width, channels: 1, values }, { ...window, stride, padding: "VALID" }, options);
  const [top, left] = [reach[0] / stride[0], reach[1] / stride[1]];
  const [rows, columns] = [Math.floor(plane.height / stride[0]), Math.floor(plane.width / stride[1])];
  const kept = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      kept[row * columns + column] = found.values[(row + top) * found.width + column + left];
    }
  }
  return { height: rows, width: columns, values: kept };
}

/** The discrete Fourier transform. */
export function transformPlane({ height, width, values }: Plane): Spectrum {
  const real = new Float64Array(values.length);
  const imaginary = new Float64Array(values.length);
  const [betweenReal, betweenImaginary] = [new Float64Array(values.length), new Float64Array(values.length)];
  for (let row = 0; row < height; row++) {
    for (let f = 0; f < width; f++) {
      for (let column = 0; column < width; column++) {
        const angle = (-2 * Math.PI * ((f * column) % width)) / width;
        betweenReal[row * width + f] += values[row * width + column] * Math.cos(angle);
        betweenImaginary[row * width + f] += values[row * width + column] * Math.sin(angle);
      }
    }
  }
  for (let f = 0; f < height; f++) {
    for (let row = 0; row < height; row++) {
      const angle = (-2 * Math.PI * ((f * row) % height)) / height;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let column = 0; column < width; column++) {
        const [re, im] = [betweenReal[row * width + column], betweenImaginary[row * width + column]];
        real[f * width + column] += re * c - im * s;
        imaginary[f * width + column] += re * s + im * c;
      }
    }
  }
  return { height, width, real, imaginary };
}

/** The frequency of a place in a spectrum, in cycles per cell: from -1/2 to below 1/2. */
export const frequency = (place: number, n: number): number => (2 * place < n ? place : place - n) / n;

/** Whether a stride carries a frequency: -1/(2s) <= f < 1/(2s). */
export const isCarried = (f: number, stride: number): boolean => f >= -0.5 / stride && f < 0.5 / stride;

/** The share of the varying energy that strides don't carry, as `poolscope.measures.information.spectra` has it. */
export function aliasedShare({ height, width, real, imaginary }: Spectrum, stride: [number, number]): number {
  let [all, above] = [0, 0];
  for (let f = 0; f < height; f++) {
    for (let g = 0; g < width; g++) {
      if (f === 0 && g === 0) continue;
      const energy = real[f * width + g] ** 2 + imaginary[f * width + g] ** 2;
      all += energy;
      if (!isCarried(frequency(f, height), stride[0]) || !isCarried(frequency(g, width), stride[1])) above += energy;
    }
  }
  return all > 1e-18 ? above / all : 0;
}

/** Root mean square difference of two planes, relative to the spread of the first; 0 where it has none. */
export function relativeError(expected: Plane, found: Plane): number {
  const mean = expected.values.reduce((sum, value) => sum + value, 0) / expected.values.length;
  let [spread, error] = [0, 0];
  expected.values.forEach((value, place) => {
    spread += (value - mean) ** 2;
    error += (found.values[place] - value) ** 2;
  });
  return spread > 1e-18 ? Math.sqrt(error / spread) : 0;
}

/** The part of a map at stride 1 that its strides can't carry, where they subsample it: what aliasing adds. */
export function foldedPart(dense: Plane, stride: [number, number]): Plane {
  const { height, width, real, imaginary } = transformPlane(dense);
  for (let f = 0; f < height; f++) {
    for (let g = 0; g < width; g++) {
      if (!isCarried(frequency(f, height), stride[0]) || !isCarried(frequency(g, width), stride[1])) continue;
      real[f * width + g] = 0;
      imaginary[f * width + g] = 0;
    }
  }
  // The inverse transform's real part: of the conjugate, forwards.
  const [ofReal, ofImaginary] = [real, imaginary].map((values) => transformPlane({ height, width, values }));
  const [rows, columns] = [Math.floor(height / stride[0]), Math.floor(width / stride[1])];
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const place = row * stride[0] * width + column * stride[1];
      values[row * columns + column] = (ofReal.real[place] + ofImaginary.imaginary[place]) / (height * width);
    }
  }
  return { height: rows, width: columns, values };
}

/**
 * How far the output of a moved map is from the moved output, relative to its spread: the least over moves by the exact
 * part of a cell and by the whole cells around it, since either would be right.
 */
export function shiftError(still: Plane, moved: Plane, down: number, right: number): { error: number; expected: Plane } {
  const tries = (shift: number): number[] => [...new Set([shift, Math.floor(shift), Math.ceil(shift)])];
  let best = { error: Infinity, expected: still };
  for (const rows of tries(down)) {
    for (const columns of tries(right)) {
      const expected = shiftPlane(still, rows, columns);
      const error = relativeError(expected, moved);
      if (error < best.error - 1e-12) best = { error, expected };
    }
  }
  return best;
}
