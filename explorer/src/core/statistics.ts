/** Means and paired differences with Student's t intervals, as `poolscope.statistics.inference` has them. */

export interface Summary {
  n: number;
  mean: number;
  low: number;
  high: number;
}

/** mean ± t sd / sqrt(n); quantiles: those of Student's t at 0.975 for 1, 2, ... degrees of freedom. */
export function summarise(values: number[], quantiles: number[], bounds: [number, number] = [-Infinity, Infinity]): Summary {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { n, mean, low: NaN, high: NaN };
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (quantiles[n - 2] * sd) / Math.sqrt(n);
  return { n, mean, low: Math.max(mean - half, bounds[0]), high: Math.min(mean + half, bounds[1]) };
}
