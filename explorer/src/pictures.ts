/** The page's pictures and one's own, as numbers from 0 to 1. */

import { type Numbers } from "#core";
import { PICTURES } from "./facts";

export interface Picture extends Numbers {
  name: string;
  source: string;
}

/** A picture that the page was built with. */
export function openPicture(place: number): Picture {
  const { name, source, height, width, channels, bytes } = PICTURES[place] ?? PICTURES[0];
  const values = Float64Array.from(atob(bytes), (letter) => letter.charCodeAt(0) / 255);
  return { name, source, height, width, channels, values };
}

/** One's own picture, its middle square scaled down; it stays in this page. */
export async function readPicture(file: File, size: number): Promise<Picture> {
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, size, size);
  const { data } = context.getImageData(0, 0, size, size);
  const values = new Float64Array(size * size * 3);
  for (let place = 0; place < size * size; place++) {
    for (let channel = 0; channel < 3; channel++) values[3 * place + channel] = data[4 * place + channel] / 255;
  }
  return { name: file.name, source: "your own picture", height: size, width: size, channels: 3, values };
}

/** Luminance of a picture, in one channel; the sum of each channel's share of what is seen (Rec. 709). */
export function makeGrey({ height, width, channels, values }: Numbers): Numbers {
  if (channels !== 3) return { height, width, channels: 1, values: values.slice(0, height * width) };
  const grey = new Float64Array(height * width);
  for (let place = 0; place < grey.length; place++) {
    grey[place] = 0.2126 * values[3 * place] + 0.7152 * values[3 * place + 1] + 0.0722 * values[3 * place + 2];
  }
  return { height, width, channels: 1, values: grey };
}

/** A map as a data address of a PNG, one pixel a cell; `paint` gives a cell's colour as red, green, blue of 0..255. */
export function drawCells(height: number, width: number, paint: (place: number) => [number, number, number]): string {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  for (let place = 0; place < height * width; place++) {
    const [red, green, blue] = paint(place);
    image.data.set([red, green, blue, 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL("image/png");
}
