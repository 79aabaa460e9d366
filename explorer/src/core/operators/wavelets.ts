/** Pooling by an orthonormal Daubechies wavelet, on maps that wrap around; each band is a matrix on each axis. */

import { type Operator, applyMatrices, at, makeMap, ofChannel, outputSize } from "../maps";

export const wavelet: Operator = (t, x, window, { moments }) => {
  const [height, width] = outputSize(x, window);
  const [rows, columns] = [bandMatrices(x.height, height, moments as number), bandMatrices(x.width, width, moments as number)];
  return applyMatrices(t, x, rows[0], columns[0]);
};

export const wavelet_bands: Operator = (t, x, window, { moments, weights }) => {
  const [height, width] = outputSize(x, window);
  const [rows, columns] = [bandMatrices(x.height, height, moments as number), bandMatrices(x.width, width, moments as number)];
  const bands = rows.flatMap((down) => columns.map((across) => applyMatrices(t, x, down, across)));
  return makeMap(height, width, 4 * x.channels, (row, column, channel) => {
    const [band, own] = [Math.floor(channel / x.channels), channel % x.channels];
    const node = at(bands[band], row, column, own);
    return weights == null ? node : t.scale(node, ofChannel((weights as number[][])[band], own));
  });
};

/** Low and high band of an axis: tap k of output p reads cell 2 p + k - (moments - 1). */
function bandMatrices(n: number, output: number, moments: number): [number[][], number[][]] {
  const low = daubechies(moments);
  const high = low.map((_, k) => (-1) ** k * low[low.length - 1 - k]);
  const matrix = (filter: number[]): number[][] =>
    Array.from({ length: output }, (_, p) => {
      const row: number[] = new Array(n).fill(0);
      filter.forEach((weight, k) => (row[(((2 * p + k - (moments - 1)) % n) + n) % n] += weight));
      return row;
    });
  return [matrix(low), matrix(high)];
}

type Complex = [number, number];

/** The low-pass filter with that many vanishing moments, of norm 1 and sum sqrt(2) (Daubechies 1988). */
export function daubechies(moments: number): number[] {
  const inner = findRoots(Array.from({ length: moments }, (_, k) => choose(moments - 1 + k, k))).map((y) => {
    // z + 1/z = 2 - 4 y: of the two roots the one inside the unit circle
    const half: Complex = [1 - 2 * y[0], -2 * y[1]];
    const spread = squareRoot(add(multiply(half, half), [-1, 0]));
    const both = [add(half, spread), add(half, [-spread[0], -spread[1]])];
    return Math.hypot(...both[0]) < Math.hypot(...both[1]) ? both[0] : both[1];
  });
  let taps: Complex[] = [[1, 0]];
  for (const root of [...Array.from({ length: moments }, (): Complex => [-1, 0]), ...inner]) {
    const next: Complex[] = [...taps, [0, 0]];
    taps.forEach((tap, i) => (next[i + 1] = add(next[i + 1], multiply(tap, [-root[0], -root[1]]))));
    taps = next;
  }
  const sum = taps.reduce((total, [real]) => total + real, 0);
  return taps.map(([real]) => (real * Math.SQRT2) / sum);
}

/** All roots of sum_k coefficients[k] y^k, by Durand and Kerner's iteration. */
function findRoots(coefficients: number[]): Complex[] {
  const degree = coefficients.length - 1;
  const leading = coefficients[degree];
  let roots = Array.from({ length: degree }, (_, i): Complex => {
    const angle = (2 * Math.PI * i) / degree + 0.4;
    return [0.5 * Math.cos(angle), 0.5 * Math.sin(angle)];
  });
  for (let turn = 0; turn < 500; turn++) {
    roots = roots.map((root, i) => {
      const value = coefficients.reduceRight<Complex>((total, each) => add(multiply(total, root), [each / leading, 0]), [0, 0]);
      const others = roots.reduce<Complex>((product, other, j) => (i === j ? product : multiply(product, add(root, [-other[0], -other[1]]))), [1, 0]);
      const size = others[0] ** 2 + others[1] ** 2;
      const step = multiply(value, [others[0] / size, -others[1] / size]);
      return [root[0] - step[0], root[1] - step[1]];
    });
  }
  return roots;
}

const add = (a: Complex, b: Complex): Complex => [a[0] + b[0], a[1] + b[1]];
const multiply = (a: Complex, b: Complex): Complex => [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);

function squareRoot([real, imaginary]: Complex): Complex {
  const size = Math.hypot(real, imaginary);
  return [Math.sqrt((size + real) / 2), (imaginary < 0 ? -1 : 1) * Math.sqrt(Math.max(size - real, 0) / 2)];
}
