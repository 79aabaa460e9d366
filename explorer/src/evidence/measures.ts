/** A study's runs, chosen and compared. */

import { type Summary, summarise } from "#core";
import type { Arm, Study } from "../facts";
import { show } from "../numbers";

export interface Run {
  arm: number;
  seed: number;
  values: (number | null)[];
}

export const readRuns = (study: Study): Run[] =>
  study.runs.map(([arm, seed, ...values]) => ({ arm: arm as number, seed: seed as number, values }));

/** Accuracies and what is measured in them are shared in per cent, differences of them in points. */
export const isShare = (measure: string): boolean => /accuracy|consistency|generalisation_gap|memorised|recovered/.test(measure);

export const factor = (measure: string): number => (isShare(measure) ? 100 : 1);

export const nameMeasure = (measure: string): string => measure.replace(/_/g, " ");

export function showMeasure(measure: string, value: number | null, difference = false): string {
  if (value === null) return "none";
  const scaled = value * factor(measure);
  const sign = difference && scaled > 0 ? "+" : "";
  return `${sign}${isShare(measure) ? scaled.toFixed(2).replace("-", "−") : show(scaled)}${isShare(measure) ? (difference || measure.includes("gap") ? " points" : " %") : ""}`;
}

export interface Row {
  arm: Arm;
  place: number;
  runs: { run: Run; value: number }[];
  summary: Summary;
}

const bounds = (measure: string): [number, number] => (/accuracy$/.test(measure) ? [0, 1] : [-Infinity, Infinity]);

/** The arms of a setting with the values of one measure. */
export function listValues(study: Study, runs: Run[], arms: number[], measure: number): Row[] {
  return arms.map((place) => {
    const found = runs
      .filter((run) => run.arm === place && run.values[measure] !== null)
      .map((run) => ({ run, value: run.values[measure] as number }));
    return { arm: study.arms[place], place, runs: found, summary: summarise(found.map(({ value }) => value), study.t, bounds(study.measures[measure])) };
  });
}

/** The same, less the baseline's run of the same seed. */
export function listDifferences(study: Study, rows: Row[], baseline: Row | undefined): Row[] {
  const of = new Map(baseline?.runs.map(({ run, value }) => [run.seed, value]));
  return rows.map((row) => {
    const runs = row.runs.filter(({ run }) => of.has(run.seed)).map(({ run, value }) => ({ run, value: value - of.get(run.seed)! }));
    return { ...row, runs, summary: summarise(runs.map(({ value }) => value), study.t) };
  });
}

/** For each arm name the differences to the baseline at each number of training images. */
export interface Curve {
  arm: Arm;
  points: { images: number; summary: Summary; values: number[] }[];
}

/** Groups of arms that differ in the number of training images alone, with their curves. */
export function listCurves(study: Study, runs: Run[], family: string, baseline: string, measure: number): Curve[] {
  const places = study.arms.map((arm, place) => ({ arm, place })).filter(({ arm }) => arm.family === family && arm.images !== null);
  const names = [...new Set(places.map(({ arm }) => arm.arm))].filter((name) => name !== baseline);
  return names
    .map((name) => {
      const points = places
        .filter(({ arm }) => arm.arm === name)
        .flatMap(({ arm, place }) => {
          const other = places.find((each) => each.arm.arm === baseline && each.arm.images === arm.images);
          if (!other) return [];
          const rows = listValues(study, runs, [place, other.place], measure);
          const [difference] = listDifferences(study, rows, rows[1]);
          return [{ images: arm.images!, summary: difference.summary, values: difference.runs.map(({ value }) => value) }];
        })
        .filter(({ summary }) => summary.n > 0)
        .sort((a, b) => a.images - b.images);
      return { arm: places.find(({ arm }) => arm.arm === name)!.arm, points };
    })
    .filter(({ points }) => points.length > 1);
}

/** Whether some arms were trained on several numbers of images. */
export const variesImages = (study: Study): boolean =>
  new Set(study.arms.map(({ family, images }) => `${family} ${images}`)).size > new Set(study.arms.map(({ family }) => family)).size;
