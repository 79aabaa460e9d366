/** What Python put into the page: operators, studies and claims; and the pictures that it was built with. */

import pictures from "../images.json";

export interface Look {
  color: string;
  marker: string;
}

export interface OptionFacts {
  kind: "Real" | "Whole" | "Switch" | "Choice";
  default: number | boolean | string | null;
  help: string;
  fits?: string;
  least?: number | null;
  most?: number | null;
  open?: boolean;
  choices?: string[];
}

export interface OperatorFacts {
  name: string;
  family: string;
  summary: string;
  formula: string;
  source: string;
  kind: "local" | "layer" | "map" | "none";
  stochastic: boolean;
  noStride1Form: string;
  stride: number | null;
  gain: string;
  learned: Record<string, (number | string)[]>;
  options: Record<string, OptionFacts>;
  look: Look;
}

export interface Arm {
  setting: string;
  family: string;
  images: number | null;
  arm: string;
  operator: string;
  look: Look;
  digest: string;
  baseline: string;
  command: string;
  config: Record<string, string>;
}

export interface Study {
  study: string;
  title: string;
  report: boolean;
  shared: Record<string, string>;
  measures: string[];
  t: number[];
  arms: Arm[];
  runs: (number | null)[][];
  failed: number;
}

export interface Contrast {
  id: string;
  study: string;
  hypothesis: string;
  context?: string;
  kind: string;
  measure: string;
  unit: string;
  direction: string;
  delta?: number;
  n: number;
  effect?: number;
  low?: number;
  high?: number;
  verdict: string;
  because?: string;
  registration?: string;
}

export interface Claim {
  number: number;
  statement: string;
  source: string;
  verdict: string;
  contrasts: number;
  holds: number;
  fails: number;
  note?: string;
  verdicts: Contrast[];
}

interface Facts {
  version: string;
  home?: boolean;
  operators: OperatorFacts[];
  studies?: Study[];
  claims?: Claim[];
}

const block = document.getElementById("facts");
export const FACTS: Facts = JSON.parse(block?.textContent || '{"version": "", "operators": []}');
export const OPERATORS: Record<string, OperatorFacts> = Object.fromEntries(FACTS.operators.map((each) => [each.name, each]));
export const PICTURES = pictures;
