/** The stack view: output sizes and receptive fields through convolutions and pools, on one axis. */

import { type Level, type Padding, type Window, axisOutput, extent, followStack, withCeiling } from "#core";
import { plural } from "../numbers";
import type { Route } from "../state";
import { Check, NumberField, Problem, Select } from "../ui";
import { Cone } from "./cone";

export interface Layer {
  kind: "conv" | "pool";
  size: number;
  stride: number;
  padding: string; // VALID, SAME, or a number on both sides
  dilation: number;
  ceil: boolean;
}

const EXAMPLES: Record<string, [number, string]> = {
  "Three blocks": [32, "c3S p2 c3S p2 c3S p2"],
  "Tutorial": [64, "c3 p2"],
  "Overlap": [28, "c3S p3:2 c3S p3:2"],
  "VGG-like": [32, "c3S c3S p2 c3S c3S p2 c3S c3S p2"],
  "Strided": [32, "c3:2S c3:2S c3:2S"],
  "Dilated": [32, "c3S c3Sd2 c3Sd4"],
};
const MOST_LAYERS = 10;

/** "c3:2S" is a 3x3 convolution at stride 2, padded SAME; p a pool, a number after P padding, d dilation, ^ ceil mode. */
export function readLayers(text: string): Layer[] {
  return text
    .split(/[\s+]+/)
    .map((word) => /^([cp])(\d{1,2})(?::(\d{1,2}))?(S|P\d)?(?:d(\d))?(\^)?$/.exec(word))
    .filter((found) => found !== null)
    .slice(0, MOST_LAYERS)
    .map(([, kind, size, stride, padding, dilation, ceil]) => ({
      kind: kind === "c" ? "conv" : "pool",
      size: Math.max(Number(size), 1),
      stride: Math.max(Number(stride ?? (kind === "c" ? 1 : size)), 1),
      padding: padding === "S" ? "SAME" : padding ? padding.slice(1) : "VALID",
      dilation: Math.max(Number(dilation ?? 1), 1),
      ceil: Boolean(ceil),
    }));
}

export const writeLayers = (layers: Layer[]): string =>
  layers
    .map(({ kind, size, stride, padding, dilation, ceil }) => {
      const usual = kind === "conv" ? 1 : size;
      const side = padding === "SAME" ? "S" : padding === "VALID" || padding === "0" ? "" : `P${padding}`;
      return `${kind[0]}${size}${stride === usual ? "" : `:${stride}`}${side}${dilation > 1 ? `d${dilation}` : ""}${ceil ? "^" : ""}`;
    })
    .join(" ");

/** The windows of the layers on maps of n cells a side, with what ceil mode adds to each. */
function makeWindows(n: number, layers: Layer[]): Window[] {
  let size = n;
  return layers.map(({ size: k, stride, padding, dilation, ceil }) => {
    const side = Number(padding);
    const rule: Padding = padding === "SAME" || padding === "VALID" ? padding : [[side, side], [side, side]];
    let window: Window = { size: [k, k], stride: [stride, stride], padding: rule, dilation: [dilation, dilation] };
    if (ceil && axisOutput(size, 0, window) > 0) window = withCeiling(size, size, window);
    size = Math.max(axisOutput(size, 0, window), 0);
    return window;
  });
}

export function StackView({ route }: { route: Route }) {
  const n = route.number("n", 32, 1, 512);
  const text = route.get("l", EXAMPLES["Three blocks"][1]);
  const layers = readLayers(text);
  const windows = makeWindows(n, layers);
  const levels = followStack(n, 0, windows);
  const put = (next: Layer[]): void => route.set({ l: writeLayers(next), o: null });
  const change = (place: number, part: Partial<Layer>): void => put(layers.map((layer, i) => (i === place ? { ...layer, ...part } : layer)));
  const broken = levels.length < layers.length ? layers[levels.length] : null;
  return (
    <div class="view wide">
      <div class="stage">
        <div class="bar">
          <NumberField label="Input, cells a side" value={n} least={1} most={512} onChange={(value) => value && route.set({ n: value === 32 ? null : value, o: null })} />
          <div class="row" role="group" aria-label="Examples">
            {Object.entries(EXAMPLES).map(([name, [size, example]]) => (
              <button type="button" key={name} class="small" aria-pressed={example === text && size === n} onClick={() => route.set({ n: size, l: example, o: null })}>
                {name}
              </button>
            ))}
          </div>
          <div class="row" role="group" aria-label="Add a layer">
            <button type="button" class="small" disabled={layers.length >= MOST_LAYERS} onClick={() => put([...layers, { kind: "conv", size: 3, stride: 1, padding: "SAME", dilation: 1, ceil: false }])}>
              + convolution
            </button>
            <button type="button" class="small" disabled={layers.length >= MOST_LAYERS} onClick={() => put([...layers, { kind: "pool", size: 2, stride: 2, padding: "VALID", dilation: 1, ceil: false }])}>
              + pool
            </button>
          </div>
        </div>
        {broken && (
          <Problem>
            Layer {levels.length + 1} doesn't fit: its window spans {extent(broken.size, broken.dilation)} cells, the map before it has{" "}
            {levels.at(-1)?.output ?? n}. A smaller window, padding, or fewer layers before it would.
          </Problem>
        )}
        <div class="scroll" tabindex={0} role="region" aria-label="Layers">
          <table>
            <thead>
              <tr>
                {["Layer", "Kind", "Window", "Stride", "Padding", "Dilation", "Ceil mode", "Output", "Receptive field", "Jump", "Left out", ""].map((head, i) => (
                  <th key={head} scope="col" class={i > 6 && i < 10 ? "number" : ""}>{head || <span class="unseen">Remove</span>}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">input</th>
                <td colSpan={6} />
                <td class="number">{n} × {n}</td>
                <td class="number">1</td>
                <td class="number">1</td>
                <td colSpan={2} />
              </tr>
              {layers.map((layer, i) => (
                <Row key={i} place={i} layer={layer} level={levels[i]} change={(part) => change(i, part)} remove={() => put(layers.filter((_, j) => j !== i))} />
              ))}
            </tbody>
          </table>
        </div>
        {levels.length > 0 && <Cone n={n} layers={layers} windows={windows} levels={levels} chosen={route.number("o", -1, -1, 511)} onChoose={(o) => route.set({ o })} />}
        <p class="quiet">
          Output: ⌊(n + padding − d(k − 1) − 1) / s⌋ + 1, for SAME ⌈n / s⌉. Receptive field r′ = r + d(k − 1) j and jump j′ = s j, from 1 and 1.
        </p>
      </div>
    </div>
  );
}

function Row({ place, layer, level, change, remove }: { place: number; layer: Layer; level?: Level; change: (part: Partial<Layer>) => void; remove: () => void }) {
  const name = `layer ${place + 1}`;
  const number = (key: "size" | "stride" | "dilation", least: number, most: number) => (
    <td>
      <input
        type="number"
        aria-label={`${{ size: "Window", stride: "Stride", dilation: "Dilation" }[key]} of ${name}`}
        min={least}
        max={most}
        value={layer[key]}
        onInput={(event) => event.currentTarget.validity.valid && event.currentTarget.value && change({ [key]: Number(event.currentTarget.value) })}
      />
    </td>
  );
  return (
    <tr>
      <th scope="row">{place + 1}</th>
      <td>
        <Select label={`Kind of ${name}`} value={layer.kind} choices={[{ value: "conv", label: "convolution" }, { value: "pool", label: "pool" }]} onChange={(kind) => change({ kind: kind as Layer["kind"] })} />
      </td>
      {number("size", 1, 15)}
      {number("stride", 1, 9)}
      <td>
        <Select
          label={`Padding of ${name}`}
          value={layer.padding}
          choices={["VALID", "SAME", "1", "2", "3"].map((value) => ({ value, label: value }))}
          onChange={(padding) => change({ padding })}
        />
      </td>
      {number("dilation", 1, 9)}
      <td>
        <Check label={`Ceil mode of ${name}`} checked={layer.ceil} onChange={(ceil) => change({ ceil })} />
      </td>
      {level ? (
        <>
          <td class="number">{level.output} × {level.output}</td>
          <td class="number">{level.field}</td>
          <td class="number">{level.jump}</td>
          <td>{level.dropped ? `${plural(level.dropped, "row")} and ${plural(level.dropped, "column")}` : ""}</td>
        </>
      ) : (
        <td colSpan={4} class="problem">doesn't fit</td>
      )}
      <td>
        <button type="button" class="small" aria-label={`Remove ${name}`} onClick={remove}>✕</button>
      </td>
    </tr>
  );
}
