/** The image of the shift view, its pooled maps and what moving it does to them. */

import {
  type Options,
  type Plane,
  type Window,
  aliasedShare,
  foldedPart,
  poolOnTorus,
  shiftError,
  shiftPlane,
  transformPlane,
} from "#core";
import { OPERATORS, type OperatorFacts, PICTURES } from "../facts";
import { makeGrey, openPicture } from "../pictures";
import { readOptions } from "../pool/settings";
import { drawWeights } from "../pool/weights";
import type { Route } from "../state";

export const SIZE = 32;
export const PATTERNS: Record<string, string> = {
  stripes: "Stripes, 3 pixels",
  rings: "Rings, finer and finer",
  edge: "A sharp square",
};

/** One operator on the image. */
export interface Scene {
  slot: "a" | "b";
  facts: OperatorFacts;
  options: Options;
  still: Plane;
  /** The output at stride 1, where the operator has such a form. */
  dense: Plane | null;
  aliased: number;
  folded: Plane | null;
}

/** The image in grey, as large as the stride divides. */
export function openImage(kind: string, picture: number, own: ReturnType<typeof openPicture> | null, stride: number): Plane {
  const size = Math.floor(SIZE / stride) * stride;
  const middle = (size - 1) / 2;
  const draw = (value: (row: number, column: number) => number): Plane => ({
    height: size,
    width: size,
    values: Float64Array.from({ length: size * size }, (_, place) => value(Math.floor(place / size), place % size)),
  });
  if (kind === "stripes") return draw((_, column) => (column % 3 === 0 ? 1 : 0.1));
  if (kind === "rings") return draw((row, column) => 0.5 + 0.5 * Math.cos(((row - middle) ** 2 + (column - middle) ** 2) * 0.09));
  if (kind === "edge") return draw((row, column) => (Math.max(Math.abs(row - middle), Math.abs(column - middle)) < size / 4 ? 1 : 0));
  const grey = makeGrey(kind === "own" && own ? own : openPicture(Math.min(picture, PICTURES.length - 1)));
  const [top, left] = [Math.floor((size - grey.height) / 2), Math.floor((size - grey.width) / 2)];
  return draw((row, column) => {
    const [r, c] = [row - top, column - left];
    return r >= 0 && c >= 0 && r < grey.height && c < grey.width ? grey.values[r * grey.width + c] : 0;
  });
}

/** The pooled map of an image, on a map without edges. */
export const poolImage = ({ facts, options }: Pick<Scene, "facts" | "options">, image: Plane, window: Window): Plane =>
  poolOnTorus(facts.name, image, window, options, false, facts.kind === "map");

export function makeScene(route: Route, slot: "a" | "b", name: string, image: Plane, window: Window): Scene {
  const facts = OPERATORS[name];
  const options: Options = {
    ...readOptions(route, slot, facts),
    ...drawWeights(facts, window, 1, route.number(`${slot}.draw`, 1, 1, 99)),
  };
  const blurs = facts.name === "blur" || facts.name === "max_blur";
  if ("filter_size" in facts.options && !blurs) options.filter_size = route.get("blur", "") ? route.number("taps", 3, 2, 9) : null;
  const still = poolImage({ facts, options }, image, window);
  const hasDense = (facts.kind === "local" || facts.kind === "layer") && !facts.noStride1Form;
  // With a blur the map at stride 1 is the blurred one: the window at stride 1 is the same operator.
  const dense = hasDense ? poolOnTorus(facts.name, image, window, options, true) : null;
  return {
    slot,
    facts,
    options,
    still,
    dense,
    aliased: dense ? aliasedShare(transformPlane(dense), window.stride) : NaN,
    folded: dense ? foldedPart(dense, window.stride) : null,
  };
}

/** The error for shifts to the right, from 0 to twice the stride. */
export function traceErrors(scene: Scene, image: Plane, window: Window): { shift: number; error: number }[] {
  return Array.from({ length: 17 }, (_, i) => {
    const shift = (i * window.stride[1]) / 8;
    const moved = poolImage(scene, shiftPlane(image, 0, shift), window);
    return { shift, error: shiftError(scene.still, moved, 0, shift / window.stride[1]).error };
  });
}
