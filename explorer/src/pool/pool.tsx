/** The pool view: a map, two operators on it, window by window, forward and backward. */

import { useEffect, useState } from "preact/hooks";
import { type Numbers, type Window, axisDropped, axisPads } from "#core";
import { OPERATORS } from "../facts";
import { MapView } from "../map_view";
import { plural, readMatrix, writeMatrix } from "../numbers";
import type { Route } from "../state";
import { Command, Field, Segmented, ToSettings } from "../ui";
import { Card } from "./card";
import { OperatorPanel, WindowPanel } from "./controls";
import { differentiateOutput, windowTaps } from "./formula";
import { type Chosen, TUTORIAL, choose, writeCommand } from "./settings";
import { SourcePanel, useSource } from "./source";
import { isDrawn } from "./weights";

export function PoolView({ route }: { route: Route }) {
  const source = useSource(route);
  const names = [route.get("a", "max"), route.get("b", "avg")].map((name) => (name in OPERATORS ? name : ""));
  return (
    <div class="view">
      <div class="controls">
        <SourcePanel route={route} source={source} />
        <WindowPanel route={route} />
        <OperatorPanel route={route} slot="a" name={names[0] || "max"} />
        <OperatorPanel route={route} slot="b" name={names[1]} />
      </div>
      {source.map ? (
        <Stage route={route} map={source.map} picture={source.kind !== "matrix"} name={source.name} operators={[names[0] || "max", names[1]].filter(Boolean)} />
      ) : (
        <div class="stage">
          <p class="quiet empty">{source.problem}</p>
        </div>
      )}
    </div>
  );
}

function Stage(props: { route: Route; map: Numbers; picture: boolean; name: string; operators: string[] }) {
  const { route, map, picture } = props;
  const chosen = props.operators.map((name, i) => choose(route, i ? "b" : "a", name, map));
  const lead = chosen.find(({ pooled }) => pooled);
  const [row, column] = route.get("at", "0,0").split(",").map(Number);
  const outputs = lead?.pooled ?? { height: 1, width: 1, channels: 1 };
  const channels = Math.max(map.channels, outputs.channels);
  const place = {
    row: Math.min(Math.max(row || 0, 0), outputs.height - 1),
    column: Math.min(Math.max(column || 0, 0), outputs.width - 1),
    channel: route.number("ch", 0, 0, channels - 1),
  };
  const count = outputs.height * outputs.width;
  const index = place.row * outputs.width + place.column;
  const go = (to: number, how: "step" | "move" = "move"): void => {
    const wrapped = ((to % count) + count) % count;
    route.set({ at: wrapped ? `${Math.floor(wrapped / outputs.width)},${wrapped % outputs.width}` : null }, how);
  };
  const backward = route.get("way", "forward") === "backward";
  const [playing, setPlaying] = usePlayer(() => go(index + 1), index);
  useArrowKeys((step) => go(index + (Math.abs(step) > 1 ? Math.sign(step) * outputs.width : step)));

  const given = route.get("ct", "one");
  const typed = readMatrix(route.get("cm", "1"));
  const cotangent = given === "own" ? (typeof typed === "string" ? [[0]] : typed) : given === "all" ? "all" : "one";
  const pads = lead && lead.facts.kind !== "none" ? axisPads(map.width, 1, lead.window) : [0, 0];
  const cells = Math.max(map.height, map.width + pads[0] + pads[1]);
  const cell = Math.max(Math.min(Math.floor(280 / cells), 52), 7);

  return (
    <div class="stage">
      <div class="bar">
        <div class="player" role="group" aria-label="Windows">
          <button type="button" onClick={() => go(index - 1)} aria-label="Previous window">◀</button>
          <button type="button" onClick={() => setPlaying(!playing)} aria-pressed={playing}>{playing ? "Pause" : "Play"}</button>
          <button type="button" onClick={() => go(index + 1)} aria-label="Next window">▶</button>
          <span class="quiet">window {index + 1} of {count}</span>
        </div>
        <Segmented
          legend="Direction"
          value={backward ? "backward" : "forward"}
          choices={[{ value: "forward", label: "Forward" }, { value: "backward", label: "Backward" }]}
          onChange={(way) => route.set({ way: way === "forward" ? null : way })}
        />
        {backward && (
          <Segmented
            legend="What arrives"
            value={given}
            choices={[
              { value: "one", label: "1 at this output" },
              { value: "all", label: "1 at each" },
              { value: "own", label: "my numbers" },
            ]}
            onChange={(value) => route.set({ ct: value === "one" ? null : value })}
          />
        )}
        {backward && given === "own" && (
          <Field label="A row for each row of outputs">
            <input
              type="text"
              value={route.get("cm", "1")}
              onInput={(event) => route.set({ cm: event.currentTarget.value.trim() || null }, "move")}
            />
          </Field>
        )}
        <ToSettings />
        {channels > 1 && (
          <Segmented
            legend="Channel"
            value={String(place.channel)}
            choices={Array.from({ length: Math.min(channels, 12) }, (_, i) => ({
              value: String(i),
              label: outputs.channels === 3 && map.channels === 3 ? ["red", "green", "blue"][i] : String(i + 1),
            }))}
            onChange={(value) => route.set({ ch: value === "0" ? null : value })}
          />
        )}
      </div>
      <div class="cards">
        <article class="card" aria-label="Input">
          <header>
            <h2>Input</h2>
            <p class="quiet">{props.name}</p>
          </header>
          <InputMap map={map} chosen={lead ?? chosen[0]} place={place} cell={cell} picture={picture} onSelect={(r, c) => lead && go(findOutput(lead, map, r, c), "step")} />
        </article>
        {chosen.map((each) => (
          <Card
            key={each.slot}
            chosen={each}
            map={map}
            place={{ ...place, channel: Math.min(place.channel, (each.pooled?.channels ?? 1) - 1) }}
            cell={cell}
            picture={picture}
            backward={backward}
            cotangent={cotangent}
            onSelect={(r, c, how) => go(r * outputs.width + c, how === "click" ? "step" : "move")}
          />
        ))}
      </div>
      <section class="after">
        <h2 class="quiet">
          {picture ? "The same operators on a matrix, in a terminal" : "The same in a terminal"}
          {chosen.some(({ facts }) => isDrawn(facts)) && "; weights are drawn anew there"}
        </h2>
        <Command text={writeCommand(chosen, picture ? "" : route.get("m", TUTORIAL).replace(/\//g, " / "), backward ? writeGradient(given, place, typed) : "")} />
      </section>
    </div>
  );
}

/** The flags of the gradient of what arrives. */
function writeGradient(given: string, { row, column }: { row: number; column: number }, typed: number[][] | string): string {
  if (given === "all") return " --gradient";
  if (given === "own") return typeof typed === "string" ? " --gradient" : ` --cotangent "${writeMatrix(typed, " / ")}"`;
  return ` --cotangent ${row},${column}`;
}

function InputMap(props: {
  map: Numbers;
  chosen: Chosen;
  place: { row: number; column: number; channel: number };
  cell: number;
  picture: boolean;
  onSelect: (row: number, column: number) => void;
}) {
  const { map, chosen, place, cell } = props;
  const { window, pooled } = chosen;
  const pads = pooled && chosen.facts.kind !== "none" ? ([axisPads(map.height, 0, window), axisPads(map.width, 1, window)] as Window["padding"]) : [[0, 0], [0, 0]];
  const dropped: [number, number] = pooled && chosen.facts.kind !== "none" ? [axisDropped(map.height, 0, window), axisDropped(map.width, 1, window)] : [0, 0];
  const taps = pooled ? listTaps(chosen, map, place) : [];
  const notes = [
    dropped[0] ? plural(dropped[0], "row") : "",
    dropped[1] ? plural(dropped[1], "column") : "",
  ].filter(Boolean);
  const padded = (pads as number[][]).flat().reduce((sum, n) => sum + n, 0) > 0;
  return (
    <figure>
      <figcaption>
        {map.height} × {map.width}
        {map.channels > 1 && `, ${plural(map.channels, "channel")}`}
        {padded && `, padded (${(pads as number[][]).map((pair) => pair.join("+")).join(", ")})`}
        {notes.length > 0 && `, ${notes.join(" and ")} left out`}
      </figcaption>
      <MapView
        map={map}
        channel={Math.min(place.channel, map.channels - 1)}
        paint={props.picture ? "picture" : "tint"}
        written={!props.picture}
        cell={cell}
        pads={pads as [[number, number], [number, number]]}
        dropped={dropped}
        taps={taps}
        label={describeInput(map, place, taps)}
        {...(pooled ? { onPick: props.onSelect } : {})}
      />
    </figure>
  );
}

/** The window's cells; of an operator that sees the whole map those that count, where they are few. */
function listTaps(chosen: Chosen, map: Numbers, place: { row: number; column: number; channel: number }): [number, number][] {
  const taps = windowTaps(chosen, map, place);
  if (taps.length || chosen.facts.kind === "none") return taps;
  const channel = Math.min(place.channel, chosen.pooled!.channels - 1);
  const slopes = differentiateOutput(chosen, { ...place, channel });
  const counting = Array.from({ length: map.height * map.width }, (_, cell) => cell).filter((cell) =>
    Array.from({ length: map.channels }, (_, k) => slopes[cell * map.channels + k]).some((slope) => Math.abs(slope) > 1e-12),
  );
  return counting.length > MOST_COUNTING ? [] : counting.map((cell) => [Math.floor(cell / map.width), cell % map.width]);
}

const MOST_COUNTING = 36;

function describeInput(map: Numbers, place: { row: number; column: number }, taps: [number, number][]): string {
  const small = map.channels === 1 && map.values.length <= 64;
  const rows = small
    ? Array.from({ length: map.height }, (_, row) => Array.from(map.values.slice(row * map.width, (row + 1) * map.width)).join(" ")).join("; ")
    : "";
  const window = taps.length ? ` The window of output row ${place.row + 1}, column ${place.column + 1} is outlined.` : "";
  return `Input, ${map.height} by ${map.width}${rows && `: ${rows}`}.${window}`;
}

/** The output whose window has a cell of the input nearest its middle. */
function findOutput(chosen: Chosen, map: Numbers, row: number, column: number): number {
  const { height, width } = chosen.pooled!;
  let [best, nearest] = [0, Infinity];
  for (let output = 0; output < height * width; output++) {
    const taps = windowTaps(chosen, map, { row: Math.floor(output / width), column: output % width, channel: 0 });
    const middle = taps.length
      ? [0, 1].map((axis) => taps.reduce((sum, tap) => sum + tap[axis], 0) / taps.length)
      : [((Math.floor(output / width) + 0.5) * map.height) / height, (((output % width) + 0.5) * map.width) / width];
    const distance = Math.max(Math.abs(middle[0] - row), Math.abs(middle[1] - column));
    if (distance < nearest) [best, nearest] = [output, distance];
  }
  return best;
}

/** Calls `next` about once a second while it plays. */
function usePlayer(next: () => void, index: number): [boolean, (playing: boolean) => void] {
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(next, 900);
    return () => clearTimeout(timer);
  }, [playing, index]);
  return [playing, setPlaying];
}

/** Arrow keys step through windows wherever nothing else takes them. */
function useArrowKeys(step: (by: number) => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest("input, select, textarea, [role=slider]")) return;
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 2, ArrowUp: -2 }[event.key];
      if (!by) return;
      event.preventDefault();
      step(by);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  });
}
