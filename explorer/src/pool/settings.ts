/** What is set in the pool view: the map, the window and two operators, from the address. */

import { GeometryError, type Numbers, type Options, type Padding, type Pair, type Pooled, type Window, checkWindow, pool, withCeiling } from "#core";
import { OPERATORS, type OperatorFacts } from "../facts";
import type { Route } from "../state";
import { drawWeights } from "./weights";

export const TUTORIAL = "1 3 2 4/5 6 7 8/9 10 11 12/13 14 15 16";
export const MOST_WINDOW = 9;
/** Options that only training knows. */
const TRAINING_ONLY = new Set(["tau", "pseudorandom", "grid", "hidden"]);

/** One of the two operators, as it is set. */
export interface Chosen {
  slot: "a" | "b";
  facts: OperatorFacts;
  options: Options;
  window: Window;
  /** Its output, or why there is none. */
  pooled: Pooled | null;
  problem: string;
}

const readPair = (text: string, least: number, most: number): Pair => {
  const parts = text.split(",").map((part) => Math.round(Number(part)));
  const fit = (value: number): number => (Number.isFinite(value) ? Math.min(Math.max(value, least), most) : least);
  return [fit(parts[0]), fit(parts[1] ?? parts[0])];
};

export function readPadding(text: string): Padding {
  if (text === "VALID" || text === "SAME") return text;
  const parts = text.split(",").map((part) => Math.min(Math.max(Math.round(Number(part)) || 0, 0), MOST_WINDOW));
  return [[parts[0] ?? 0, parts[1] ?? 0], [parts[2] ?? 0, parts[3] ?? 0]];
}

/** The window as it was asked for, before any ceiling. */
export function readWindow(route: Route): Window {
  const size = readPair(route.get("k", "2"), 1, MOST_WINDOW);
  return {
    size,
    stride: route.get("s", "") ? readPair(route.get("s", ""), 1, MOST_WINDOW) : size,
    padding: readPadding(route.get("p", "VALID")),
    dilation: readPair(route.get("d", "1"), 1, 4),
  };
}

/** The options that the page offers for an operator. */
export const listOptions = (facts: OperatorFacts): [string, OperatorFacts["options"][string]][] =>
  Object.entries(facts.options).filter(([name]) => !TRAINING_ONLY.has(name));

export function readOptions(route: Route, slot: string, facts: OperatorFacts): Options {
  return Object.fromEntries(
    listOptions(facts).map(([name, option]) => {
      const text = route.get(`${slot}.${name}`, "");
      if (text === "") return [name, option.default];
      if (option.kind === "Switch") return [name, text === "true"];
      if (option.kind === "Choice") return [name, option.choices!.includes(text) ? text : option.default];
      const value = Number(text);
      const fits = Number.isFinite(value) && value >= (option.least ?? -Infinity) && value <= (option.most ?? Infinity);
      return [name, fits && !(option.open && value === option.least) ? value : option.default];
    }),
  );
}

/** An operator on the map; the window's dilation and stride as far as the operator is defined for them. */
export function choose(route: Route, slot: "a" | "b", name: string, map: Numbers): Chosen {
  const facts = OPERATORS[name] ?? OPERATORS.max;
  let window = readWindow(route);
  if (facts.kind === "map") window = { ...window, dilation: [1, 1] };
  let problem = "";
  if (facts.stride && (window.stride[0] !== facts.stride || window.stride[1] !== facts.stride)) {
    problem = `${facts.name} is defined for stride ${facts.stride} only.`;
  }
  const draw = route.number(`${slot}.draw`, 1, 1, 99);
  const options = { ...readOptions(route, slot, facts), ...drawWeights(facts, window, map.channels, draw) };
  let pooled: Pooled | null = null;
  try {
    if (facts.kind !== "none") {
      if (route.get("ceil", "")) window = withCeiling(map.height, map.width, window);
      checkWindow(map.height, map.width, window);
    }
    if (!problem) pooled = pool(facts.name, map, window, options);
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error;
    problem = error.message;
  }
  return { slot, facts, options, window, pooled, problem };
}

/** The command that prints the same in a terminal. */
export function writeCommand(chosen: Chosen[], matrix: string, gradient: string): string {
  const { window } = chosen[0];
  const pair = ([a, b]: Pair): string => (a === b ? String(a) : `[${a},${b}]`);
  const words = [`pool=${chosen.map(({ facts }) => facts.name).join(",")}`, `pool.window=${pair(window.size)}`];
  if (String(window.stride) !== String(window.size)) words.push(`pool.stride=${pair(window.stride)}`);
  if (typeof window.padding !== "string") words.push(`pool.padding=[[${window.padding[0]}],[${window.padding[1]}]]`);
  else if (window.padding !== "VALID") words.push(`pool.padding=${window.padding}`);
  if (Math.max(...window.dilation) > 1) words.push(`pool.dilation=${pair(window.dilation)}`);
  for (const { facts, options } of chosen) {
    for (const [name, option] of listOptions(facts)) {
      if (options[name] !== option.default) words.push(`pool.${name}=${options[name]}`);
    }
  }
  const quoted = words.map((word) => (/[[\],]/.test(word.split("=")[1]) && word.includes("[") ? `'${word}'` : word));
  return `poolscope apply ${[...new Set(quoted)].join(" ")}${matrix ? ` --matrix "${matrix}"` : ""}${gradient}`;
}
