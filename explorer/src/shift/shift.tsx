/** The shift view: move the image by parts of a pixel and watch what the pooled maps do. */

import { useMemo, useRef } from "preact/hooks";
import { type Plane, type Window, shiftError, shiftPlane } from "#core";
import { OPERATORS, PICTURES } from "../facts";
import { MapView } from "../map_view";
import { Swatch } from "../marker";
import { show } from "../numbers";
import { Options, operatorChoices } from "../pool/controls";
import { SourcePictures, useOwnPicture } from "../pool/source";
import type { Route } from "../state";
import { Check, NumberField, Select, ToSettings } from "../ui";
import { ErrorChart, SpectrumChart } from "./charts";
import { PATTERNS, type Scene, makeScene, openImage, poolImage, traceErrors } from "./scene";

const PART = 8; // of a pixel

export function ShiftView({ route }: { route: Route }) {
  const [size, stride] = [route.number("k", 2, 1, 5), route.number("s", 2, 1, 4)];
  const window: Window = { size: [size, size], stride: [stride, stride], padding: "VALID", dilation: [1, 1] };
  const [kind, picture] = [route.get("in", "picture"), route.number("pic", 5, 0, PICTURES.length - 1)];
  const own = useOwnPicture();
  const image = useMemo(() => openImage(kind, picture, own, stride), [kind, picture, own, stride]);
  const names = [route.get("a", "max"), route.get("b", "avg")].filter((name, i) => usable(name) || i === 0).map((name) => (usable(name) ? name : "max"));
  const settings = location.hash.replace(/[?&](dx|dy)=[^&]*/g, "");
  const scenes = useMemo(
    () => names.map((name, i) => makeScene(route, i ? "b" : "a", name, image, window)),
    [image, settings],
  );
  const traces = useMemo(() => scenes.map((scene) => ({ scene, points: traceErrors(scene, image, window) })), [scenes]);
  const [down, right] = [route.number("dy", 0, -SPAN, SPAN), route.number("dx", 0, -SPAN, SPAN)];
  const moved = useMemo(() => shiftPlane(image, down, right), [image, down, right]);
  const move = (dy: number, dx: number): void => {
    const round = (value: number): number => Math.min(Math.max(Math.round(value * PART) / PART, -SPAN), SPAN);
    route.set({ dy: round(dy) || null, dx: round(dx) || null }, "move");
  };

  return (
    <div class="view">
      <div class="controls">
        <section class="panel" aria-label="Image">
          <h2>Image</h2>
          <SourcePictures route={route} />
          <div class="row" role="group" aria-label="Patterns">
            {Object.entries(PATTERNS).map(([name, title]) => (
              <button type="button" class="small" key={name} aria-pressed={kind === name} onClick={() => route.set({ in: name })}>
                {title}
              </button>
            ))}
          </div>
        </section>
        {(["a", "b"] as const).map((slot, i) => {
          const name = names[i] ?? "";
          const facts = OPERATORS[name];
          return (
            <section key={slot} class="panel operator" style={facts && { "--own": facts.look.color }} aria-label={`Operator ${slot.toUpperCase()}`}>
              <div class="with-swatch">
                {facts && <Swatch look={facts.look} />}
                <Select
                  label={i ? "Beside it" : "Operator"}
                  value={name}
                  choices={[...(i ? [{ value: "", label: "no second operator" }] : []), ...operatorChoices(({ name }) => !usable(name))]}
                  onChange={(value) => route.set({ [slot]: value || "-" })}
                />
              </div>
              {facts && <Options route={route} slot={slot} facts={facts} without={["blur", "max_blur"].includes(name) ? [] : ["filter_size"]} />}
            </section>
          );
        })}
        <section class="panel" aria-label="Window">
          <h2>Window</h2>
          <div class="grid two">
            <NumberField label="Window" value={size} least={1} most={5} onChange={(value) => route.set({ k: value === 2 ? null : value })} />
            <NumberField label="Stride" value={stride} least={1} most={4} onChange={(value) => route.set({ s: value === 2 ? null : value })} />
          </div>
          <Check label="Blur before the stride" checked={route.get("blur", "") !== ""} onChange={(on) => route.set({ blur: on ? "1" : null })} />
          {route.get("blur", "") && (
            <NumberField label="Taps of the blur" value={route.number("taps", 3, 2, 9)} least={2} most={9} onChange={(value) => route.set({ taps: value === 3 ? null : value })} />
          )}
        </section>
      </div>
      <div class="stage">
        <div class="bar">
          <NumberField label="Right, pixels" value={right} least={-SPAN} most={SPAN} step={1 / PART} onChange={(value) => move(down, value ?? 0)} />
          <NumberField label="Down, pixels" value={down} least={-SPAN} most={SPAN} step={1 / PART} onChange={(value) => move(value ?? 0, right)} />
          <div class="player" role="group" aria-label="Move">
            <button type="button" onClick={() => move(down, right + 1 / PART)}>⅛ right</button>
            <button type="button" onClick={() => move(down, right + 1)}>1 right</button>
            <button type="button" onClick={() => move(down + 1, right)}>1 down</button>
            <button type="button" onClick={() => move(0, 0)}>Back to 0</button>
          </div>
          <ToSettings />
        </div>
        <div class="cards">
          <article class="card" aria-label="Image">
            <header>
              <h2>Image</h2>
              <p class="quiet">Drag it, or use the arrow keys (with Shift by ⅛ pixel). It wraps around.</p>
            </header>
            <Draggable image={moved} down={down} right={right} move={move} />
          </article>
          {scenes.map((scene) => (
            <Outcome key={scene.slot} scene={scene} moved={moved} window={window} down={down} right={right} />
          ))}
        </div>
        <section class="after" aria-label="Error against shift">
          <h2>How far the output is from moving along</h2>
          <ErrorChart traces={traces} stride={stride} now={right} />
          <p class="quiet">
            The output of the moved image against the moved output, root mean square, relative to the output's spread. An output may move by the exact
            part of a cell or by the whole cells around it: the nearest counts.
          </p>
        </section>
        <section class="cards" aria-label="Aliasing">
          {scenes.map((scene) => (
            <Aliasing key={scene.slot} scene={scene} stride={stride} />
          ))}
        </section>
      </div>
    </div>
  );
}

const SPAN = 16;
const usable = (name: string): boolean => name in OPERATORS && !["none", "space_to_depth"].includes(name) && OPERATORS[name].stride === null;

function Draggable({ image, down, right, move }: { image: Plane; down: number; right: number; move: (dy: number, dx: number) => void }) {
  const from = useRef<{ x: number; y: number; down: number; right: number } | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const follow = (event: PointerEvent): void => {
    if (!from.current || !box.current) return;
    const scale = image.width / box.current.getBoundingClientRect().width;
    move(from.current.down + (event.clientY - from.current.y) * scale, from.current.right + (event.clientX - from.current.x) * scale);
  };
  const step = (event: KeyboardEvent): void => {
    const by = event.shiftKey ? 1 / PART : 1;
    const [dy, dx] = { ArrowRight: [0, by], ArrowLeft: [0, -by], ArrowDown: [by, 0], ArrowUp: [-by, 0] }[event.key] ?? [0, 0];
    if (!dy && !dx) return;
    event.preventDefault();
    move(down + dy, right + dx);
  };
  return (
    <div
      ref={box}
      class="draggable"
      role="slider"
      tabindex={0}
      aria-label="Image, moved"
      aria-valuemin={-SPAN}
      aria-valuemax={SPAN}
      aria-valuenow={right}
      aria-valuetext={`${show(right)} pixels right, ${show(down)} down`}
      onKeyDown={step}
      onPointerDown={(event) => {
        from.current = { x: event.clientX, y: event.clientY, down, right };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={follow}
      onPointerUp={() => (from.current = null)}
      onPointerCancel={() => (from.current = null)}
    >
      <MapView written={false} map={{ ...image, channels: 1 }} channel={0} paint="picture" cell={WIDE / image.width} label={`The image, moved by ${show(right)} pixels right and ${show(down)} down`} />
    </div>
  );
}

const WIDE = 300; // pixels on the screen

function Outcome(props: { scene: Scene; moved: Plane; window: Window; down: number; right: number }) {
  const { scene, moved, window, down, right } = props;
  const { facts, still } = scene;
  const output = poolImage(scene, moved, window);
  const { error, expected } = shiftError(still, output, down / window.stride[0], right / window.stride[1]);
  const difference = output.values.map((value, place) => value - expected.values[place]);
  return (
    <article class="card operator" style={{ "--own": facts.look.color }} aria-label={facts.name}>
      <header>
        <h2>
          <Swatch look={facts.look} /> {facts.name}
        </h2>
        <p class="quiet">Output, {output.height} × {output.width}{scene.options.filter_size ? `, blurred with ${scene.options.filter_size} taps` : ""}</p>
      </header>
      <MapView written={false} map={{ ...output, channels: 1 }} channel={0} paint="picture" cell={WIDE / output.width} label={`Output of ${facts.name} for the moved image`} />
      <figure>
        <figcaption>
          Less the output that moved along: <b>{show(100 * error, 3)} %</b> error
        </figcaption>
        <MapView written={false} map={{ ...output, channels: 1, values: difference }} channel={0} paint="signed" cell={WIDE / 2 / output.width} label={`Difference from the output that moved along; error ${show(100 * error, 3)} per cent`} />
      </figure>
    </article>
  );
}

function Aliasing({ scene, stride }: { scene: Scene; stride: number }) {
  const { facts, dense, aliased, folded } = scene;
  return (
    <article class="card operator" style={{ "--own": facts.look.color }} aria-label={`Aliasing of ${facts.name}`}>
      <header>
        <h2>
          <Swatch look={facts.look} /> {facts.name}: {dense ? `${show(100 * aliased, 3)} % aliased` : "no spectrum"}
        </h2>
        <p class="quiet">
          {dense
            ? `Share of its varying energy, at stride 1, above the new Nyquist frequency, 1/${2 * stride} cycle a pixel: outside the box.`
            : `It isn't an operator at stride 1 and a fixed subsampling${facts.noStride1Form ? `: ${facts.noStride1Form}` : ""}.`}
        </p>
      </header>
      {dense && folded && (
        <div class="pair">
          <SpectrumChart dense={dense} stride={stride} aliased={aliased} />
          <figure>
            <figcaption>What the stride folds in</figcaption>
            <MapView written={false} map={{ ...folded, channels: 1 }} channel={0} paint="signed" cell={WIDE / 2 / folded.width} label={`What aliasing adds to the output of ${facts.name}`} />
          </figure>
        </div>
      )}
    </article>
  );
}
