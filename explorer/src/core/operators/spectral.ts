/** Pooling in the frequency domain: cropping a spectrum is a matrix on each axis. */

import { type FeatureMap, type Operator, type Options, applyMatrices, outputSize, zipMaps } from "../maps";

export const spectral: Operator = (t, x, window) => {
  const [height, width] = outputSize(x, window);
  return applyMatrices(t, x, cropMatrix(x.height, height), cropMatrix(x.width, width));
};

export const diffstride: Operator = (t, x, window, { strides, smoothness }) => {
  const [height, width] = outputSize(x, window);
  const mask = (n: number, axis: number): ((frequency: number) => number) => {
    const [stride, ramp] = [(strides as Options[string] as number[])[axis], smoothness as number];
    return (frequency) => Math.min(Math.max(1 + (n / (2 * stride) - frequency) / ramp, 0), 1);
  };
  return applyMatrices(t, x, cropMatrix(x.height, height, mask(x.height, 0)), cropMatrix(x.width, width, mask(x.width, 1)));
};

export const frequency: Operator = (t, x, window) => {
  const [height, width] = outputSize(x, window);
  const matrix = (n: number, output: number): number[][] =>
    cropMatrix(n, output, (kept) => (output < n && kept >= Math.floor((output + 1) / 2) ? 0 : 1));
  return applyMatrices(t, x, matrix(x.height, height), matrix(x.width, width));
};

export const asap: Operator = (t, x, window) => {
  const [height, width] = outputSize(x, window);
  const matrix = (n: number, output: number): number[][] =>
    cropMatrix(n, output, (kept) => (output < n ? Math.sqrt(0.54 + 0.46 * Math.cos((2 * Math.PI * kept) / n)) : 1));
  return applyMatrices(t, x, matrix(x.height, height), matrix(x.width, width));
};

export const flc: Operator = (t, x, window) => {
  const [height, width] = outputSize(x, window);
  const [rows, columns] = [cutMatrices(x.height, height), cutMatrices(x.width, width)];
  const part = (down: "real" | "imaginary", across: "real" | "imaginary"): FeatureMap => applyMatrices(t, x, rows[down], columns[across]);
  const parts = [part("real", "real"), part("imaginary", "imaginary"), part("real", "imaginary"), part("imaginary", "real")];
  return zipMaps(parts, ([a, b, c, d]) => {
    const square = t.add(t.square(t.subtract(a, b)), t.square(t.add(c, d)));
    return t.read(square) > 0 ? t.power(square, 0.5) : t.constant(0);
  });
};

/** An axis cut to the frequencies -o/2 to o/2 - 1 (o even) or to all below o/2 (o odd), a complex matrix. */
function cutMatrices(n: number, output: number): { real: number[][]; imaginary: number[][] } {
  const least = Math.min(n, output);
  const kept = Array.from({ length: least }, (_, i) => ({ frequency: i - Math.floor(least / 2), weight: 1 }));
  if (output > n && n % 2 === 0) {
    kept[0].weight = 0.5; // nothing is cut: both signs of the highest frequency
    kept.push({ frequency: n / 2, weight: 0.5 });
  }
  const sum = (wave: (angle: number) => number): number[][] =>
    Array.from({ length: output }, (_, out) =>
      Array.from({ length: n }, (_, cell) =>
        kept.reduce((total, { frequency, weight }) => total + weight * wave(2 * Math.PI * frequency * (out / output - cell / n)), 0) / n,
      ),
    );
  return { real: sum(Math.cos), imaginary: sum(Math.sin) };
}

/** The matrix that keeps the low frequencies of an axis, each scaled by a mask. */
function cropMatrix(n: number, output: number, mask: (frequency: number) => number = () => 1): number[][] {
  const least = Math.min(n, output);
  return Array.from({ length: output }, (_, out) =>
    Array.from({ length: n }, (_, cell) => {
      let total = 0;
      for (let kept = 0; kept <= Math.floor(least / 2); kept++) {
        const weight = (kept === 0 || 2 * kept === least ? 1 : 2) / n;
        const both = output < n && 2 * kept === output; // both signs of the highest frequency, averaged
        const wave = both
          ? (-1) ** out * Math.cos((2 * Math.PI * kept * cell) / n)
          : Math.cos(2 * Math.PI * kept * (out / output - cell / n));
        total += weight * wave * mask(kept);
      }
      return total;
    }),
  );
}
