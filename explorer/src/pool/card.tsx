/** One operator's card: its output, the formula with its numbers, and what flows back. */

import type { Numbers } from "#core";
import { MapView } from "../map_view";
import { plural, show } from "../numbers";
import { Swatch } from "../marker";
import { Problem } from "../ui";
import { type Place, differentiateOutput, explain } from "./formula";
import type { Chosen } from "./settings";

interface CardProps {
  chosen: Chosen;
  map: Numbers;
  place: Place;
  cell: number;
  picture: boolean;
  backward: boolean;
  /** What arrives at the outputs: 1 at the chosen one, 1 at each, or numbers of one's own. */
  cotangent: "one" | "all" | number[][];
  onSelect: (row: number, column: number, how: "click" | "key") => void;
}

export function Card(props: CardProps) {
  const { chosen, map, place, cell, picture, backward, onSelect } = props;
  const { facts, pooled, problem } = chosen;
  return (
    <article class="card operator" style={{ "--own": facts.look.color }} aria-label={facts.name}>
      <header>
        <h2>
          <Swatch look={facts.look} /> {facts.name}
        </h2>
        <p class="quiet">
          <span class="formula">{facts.formula}</span> {facts.source && `· ${facts.source}`}
          {facts.stochastic && " · as when evaluated"}
        </p>
      </header>
      {problem && <Problem>{problem}</Problem>}
      {pooled && (
        <>
          <figure>
            <figcaption>
              Output, {pooled.height} × {pooled.width}
              {pooled.channels > map.channels && `, ${plural(pooled.channels, "channel")}, this is ${place.channel + 1}`}
            </figcaption>
            <MapView
              map={pooled}
              channel={Math.min(place.channel, pooled.channels - 1)}
              paint={picture ? "picture" : "tint"}
              written={!picture}
              cell={cell}
              label={`Output of ${facts.name}, ${pooled.height} by ${pooled.width}; choose an output with the arrow keys`}
              selected={[place.row, place.column]}
              onSelect={onSelect}
            />
          </figure>
          <div class="numbers" aria-live="polite">
            {explain(chosen, map, place).map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
          {backward && <Backward {...props} />}
        </>
      )}
    </article>
  );
}

function Backward({ chosen, map, place, cell, picture, cotangent }: CardProps) {
  const { facts, pooled } = chosen;
  const arriving = pooled!.values.length === 0 ? [] : readCotangent(chosen, cotangent, place);
  const gradient = cotangent === "one" ? differentiateOutput(chosen, place) : pooled!.gradient(arriving);
  const sum = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((total, each) => total + each, 0);
  const reached = Array.from(gradient).filter((each) => Math.abs(each) > 1e-12).length;
  const back = { ...map, values: gradient };
  return (
    <figure>
      <figcaption>
        Gradient in the input{map.channels > 1 && ", the channel shown"}: <b>{show(sum(arriving))}</b> arrives, <b>{show(sum(gradient))}</b> gets
        through, to <b>{plural(reached, "cell")}</b> of {gradient.length}
      </figcaption>
      <MapView
        map={back}
        channel={Math.min(place.channel, map.channels - 1)}
        paint="signed"
        written={!picture}
        cell={cell}
        label={`Gradient of ${facts.name} in the input: ${plural(reached, "cell")} of ${gradient.length} get some, ${show(sum(gradient))} in all. Blue is above 0, orange below.`}
      />
    </figure>
  );
}

/** The numbers that arrive, in the order of the outputs. */
export function readCotangent({ pooled }: Chosen, cotangent: CardProps["cotangent"], { row, column, channel }: Place): number[] {
  const { height, width, channels } = pooled!;
  return Array.from({ length: height * width * channels }, (_, i) => {
    const [r, c, k] = [Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels];
    if (cotangent === "one") return r === row && c === column && k === channel ? 1 : 0;
    if (cotangent === "all") return 1;
    return cotangent[r]?.[c] ?? 0;
  });
}
