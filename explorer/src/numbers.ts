/** Numbers as text, and text as numbers. */

/** At most four significant digits, with a real minus sign. */
export function show(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "none" : value > 0 ? "∞" : "−∞";
  if (Math.abs(value) < 1e-12) return "0";
  const text = Math.abs(value) >= 1e5 || Math.abs(value) < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

/** The same, in parentheses where it is negative: a factor or a term of a formula. */
export const term = (value: number): string => (value < -1e-12 ? `(${show(value)})` : show(value));

/** Rows of numbers from text that was typed or pasted; a sentence where it is none. */
export function readMatrix(text: string, most = 64): number[][] | string {
  const rows = text
    .split(/[\n/;]/)
    .map((line) => line.replace(/[−–]/g, "-").replace(/[[\](),|]/g, " ").trim())
    .filter(Boolean)
    .map((line) => line.split(/\s+/));
  if (!rows.length) return "Type rows of numbers.";
  const wrong = rows.flat().find((word) => !Number.isFinite(Number(word)));
  if (wrong !== undefined) return `“${wrong.slice(0, 20)}” is no number.`;
  const width = rows[0].length;
  const odd = rows.findIndex((row) => row.length !== width);
  if (odd >= 0) return `Row ${odd + 1} has ${rows[odd].length} numbers, the first has ${width}.`;
  if (Math.max(rows.length, width) > most) return `At most ${most} rows and columns, not ${rows.length}×${width}.`;
  return rows.map((row) => row.map(Number));
}

export const writeMatrix = (rows: number[][], between = "\n"): string => rows.map((row) => row.join(" ")).join(between);

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
