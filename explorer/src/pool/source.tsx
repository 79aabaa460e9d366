/** Where the map comes from: typed, one of the page's pictures, or one's own. */

import { useMemo, useState } from "preact/hooks";
import type { Numbers } from "#core";
import { PICTURES } from "../facts";
import { readMatrix, writeMatrix } from "../numbers";
import { type Picture, openPicture, readPicture } from "../pictures";
import type { Route } from "../state";
import { Problem, Segmented } from "../ui";
import { TUTORIAL } from "./settings";

const EXAMPLES: [string, string][] = [
  ["Tutorial", TUTORIAL],
  ["Ties", "2 2 0 1/2 2 1 0/0 1 3 3/1 0 3 3"],
  ["Edge", "0 0 1 1 1/0 0 1 1 1/0 0 1 1 1/0 0 1 1 1/0 0 1 1 1"],
  ["Spike", "0 0 0 0 0 0/0 0 0 0 0 0/0 0 0 9 0 0/0 0 0 0 0 0/0 0 0 0 0 0/0 0 0 0 0 0"],
  ["Negative", "-1 -3 -2 -4/-5 -6 -7 -8/4 -2 1 0/-3 2 -1 5"],
  ["7 × 7", "3 1 4 1 5 9 2/6 5 3 5 8 9 7/9 3 2 3 8 4 6/2 6 4 3 3 8 3/2 7 9 5 0 2 8/8 4 1 9 7 1 6/9 3 9 9 3 7 5"],
];

export interface Source {
  /** The map, or null while there is none. */
  map: Numbers | null;
  kind: "matrix" | "picture" | "own";
  name: string;
  /** Why there is no map. */
  problem: string;
}

const OWN_SIZE = 32;
let own: Picture | null = null; // one's own picture lives as long as the page, and nowhere else

/** The map that the address asks for. */
export function useSource(route: Route): Source {
  const kind = route.get("in", "matrix") as Source["kind"];
  const [text, place] = [route.get("m", TUTORIAL), route.number("pic", 0, 0, PICTURES.length - 1)];
  return useMemo(() => {
    if (kind === "picture") {
      const picture = openPicture(place);
      return { map: picture, kind, name: `${picture.name} (${picture.source})`, problem: "" };
    }
    if (kind === "own") {
      return { map: own, kind, name: own?.name ?? "", problem: own ? "" : "Choose a picture: it stays in this page and isn't sent anywhere." };
    }
    const rows = readMatrix(text);
    if (typeof rows === "string") return { map: null, kind: "matrix" as const, name: "", problem: rows };
    const map = { height: rows.length, width: rows[0].length, channels: 1, values: rows.flat() };
    return { map, kind: "matrix" as const, name: "the matrix", problem: "" };
  }, [kind, text, place, own]);
}

/** One's own picture, if there is one. */
export const useOwnPicture = (): Picture | null => own;

export function SourcePanel({ route, source }: { route: Route; source: Source }) {
  return (
    <section class="panel" aria-label="Input">
      <Segmented
        legend="Input"
        value={source.kind}
        choices={[{ value: "matrix", label: "Matrix" }, { value: "picture", label: "Pictures" }, { value: "own", label: "Your own" }]}
        onChange={(kind) => route.set({ in: kind === "matrix" ? null : kind, at: null, ch: null })}
      />
      {source.kind === "matrix" && <MatrixPanel route={route} problem={source.problem} />}
      {source.kind === "picture" && <Pictures route={route} places={PICTURES.map((_, place) => place)} />}
      {source.kind === "own" && <OwnPicture route={route} />}
      {source.kind === "own" && source.problem && <p class="quiet">{source.problem}</p>}
    </section>
  );
}

function OwnPicture({ route }: { route: Route }) {
  const [failure, setFailure] = useState("");
  const load = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    try {
      own = await readPicture(file, OWN_SIZE);
      setFailure("");
      route.set({ in: "own", at: null, file: file.name });
    } catch {
      setFailure(`${file.name} can't be read as a picture.`);
    }
  };
  return (
    <>
      <label class="field">
        <span>
          Your own picture, scaled to {OWN_SIZE} × {OWN_SIZE}; it never leaves this page
        </span>
        <input type="file" accept="image/*" onChange={(event) => load(event.currentTarget.files?.[0])} />
      </label>
      {failure && <Problem>{failure}</Problem>}
    </>
  );
}

/** The page's pictures, and one's own. */
export const SourcePictures = ({ route }: { route: Route }) => (
  <>
    <Pictures route={route} places={PICTURES.map((_, place) => place)} />
    <OwnPicture route={route} />
  </>
);

function MatrixPanel({ route, problem }: { route: Route; problem: string }) {
  const text = route.get("m", TUTORIAL);
  const rows = readMatrix(text);
  const lines = typeof rows === "string" ? text.replace(/\//g, "\n") : writeMatrix(rows);
  const random = (): string =>
    Array.from({ length: 6 }, () => Array.from({ length: 6 }, () => Math.floor(Math.random() * 10)).join(" ")).join("/");
  const put = (matrix: string, how?: "move"): void => route.set({ m: matrix === TUTORIAL ? null : matrix, at: null, cm: null }, how);
  return (
    <>
      <label class="field">
        <span>Rows of numbers, typed or pasted</span>
        <textarea
          rows={Math.min(Math.max(lines.split("\n").length, 4), 10)}
          spellcheck={false}
          defaultValue={lines}
          key={document.activeElement?.tagName === "TEXTAREA" ? "typing" : lines}
          onInput={(event) => put(event.currentTarget.value.trim().replace(/\t/g, " ").replace(/ *\n+ */g, "/"), "move")}
        />
      </label>
      {problem && <Problem>{problem}</Problem>}
      <div class="row" role="group" aria-label="Example matrices">
        {EXAMPLES.map(([name, matrix]) => (
          <button type="button" class="small" key={name} aria-pressed={matrix === text} onClick={() => put(matrix)}>
            {name}
          </button>
        ))}
        <button type="button" class="small" onClick={() => put(random())}>
          Random
        </button>
      </div>
    </>
  );
}

/** Thumbnails to choose from. */
function Pictures({ route, places }: { route: Route; places: number[] }) {
  const usual = route.view === "shift" ? 5 : 0;
  const kind = route.get("in", route.view === "shift" ? "picture" : "matrix");
  const chosen = route.number("pic", usual, 0, PICTURES.length - 1);
  return (
    <div class="thumbs" role="group" aria-label="Pictures">
      {places.map((place) => {
        const { name, source } = PICTURES[place];
        return (
          <button
            type="button"
            key={place}
            aria-pressed={place === chosen && kind === "picture"}
            title={source}
            onClick={() => route.set({ in: "picture", pic: place === usual ? null : place, at: null })}
          >
            <img src={thumbnail(place)} alt={name} width="44" height="44" />
          </button>
        );
      })}
    </div>
  );
}

const drawn: string[] = [];

function thumbnail(place: number): string {
  if (!drawn[place]) {
    const { height, width, channels, values } = openPicture(place);
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d")!;
    const image = context.createImageData(width, height);
    for (let cell = 0; cell < height * width; cell++) {
      for (let part = 0; part < 3; part++) image.data[4 * cell + part] = 255 * values[cell * channels + (part % channels)];
      image.data[4 * cell + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    drawn[place] = canvas.toDataURL("image/png");
  }
  return drawn[place];
}
