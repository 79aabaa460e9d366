/** The window and the two operators. */

import { FACTS, OPERATORS, type OperatorFacts } from "../facts";
import { Swatch } from "../marker";
import type { Route } from "../state";
import { Check, NumberField, Select } from "../ui";
import { MOST_WINDOW, listOptions, readOptions, readPadding, readWindow } from "./settings";
import { isDrawn } from "./weights";

/** Every operator by family. */
export const operatorChoices = (without: (facts: OperatorFacts) => boolean = () => false) =>
  FACTS.operators
    .filter((facts) => !without(facts))
    .map(({ name, family }) => ({ value: name, label: name, group: family }))
    .sort((a, b) => families.indexOf(a.group) - families.indexOf(b.group));

const families = [...new Set(FACTS.operators.map(({ family }) => family))];

export function WindowPanel({ route, usual = "" }: { route: Route; usual?: string }) {
  const window = readWindow(route);
  const padding = readPadding(route.get("p", "VALID"));
  const kind = typeof padding === "string" ? padding : "numbers";
  const [tall, wide] = window.size;
  const pairs = (name: string, [a, b]: [number, number], whole: string, least: number, most: number, given: boolean) => (
    <>
      <NumberField
        label={`${whole} height`}
        value={given ? a : ""}
        placeholder={String(a)}
        least={least}
        most={most}
        onChange={(value) => route.set({ [name]: value === null ? null : write(value, given ? b : value), at: null }, "step")}
      />
      <NumberField
        label={`${whole} width`}
        value={given ? b : ""}
        placeholder={String(b)}
        least={least}
        most={most}
        onChange={(value) => route.set({ [name]: value === null ? null : write(given ? a : value, value), at: null }, "step")}
      />
    </>
  );
  return (
    <section class="panel" aria-label={`Window${usual}`}>
      <h2>Window</h2>
      <div class="grid two">
        {pairs("k", [tall, wide], "Window", 1, MOST_WINDOW, true)}
        {pairs("s", window.stride, "Stride", 1, MOST_WINDOW, route.get("s", "") !== "")}
      </div>
      <div class="grid two">
        <Select
          label="Padding"
          value={kind}
          choices={[
            { value: "VALID", label: "VALID: none" },
            { value: "SAME", label: "SAME: ⌈n / s⌉ outputs" },
            { value: "numbers", label: "numbers" },
          ]}
          onChange={(value) => route.set({ p: value === "VALID" ? null : value === "SAME" ? value : "1,1,1,1", at: null })}
        />
        <NumberField
          label="Dilation"
          value={window.dilation[0]}
          least={1}
          most={4}
          hint="distance between the cells of a window"
          onChange={(value) => route.set({ d: value === null || value === 1 ? null : value, at: null })}
        />
      </div>
      {typeof padding !== "string" && (
        <div class="grid four">
          {["Top", "Bottom", "Left", "Right"].map((side, place) => {
            const flat = padding.flat();
            return (
              <NumberField
                key={side}
                label={side}
                value={flat[place]}
                least={0}
                most={MOST_WINDOW - 1}
                onChange={(value) => route.set({ p: flat.map((old, i) => (i === place ? (value ?? 0) : old)).join(), at: null })}
              />
            );
          })}
        </div>
      )}
      <Check
        label="Ceil mode: a last, partial window counts"
        hint="as padding at the bottom and right, which is how poolscope's operators have it"
        checked={route.get("ceil", "") !== ""}
        onChange={(checked) => route.set({ ceil: checked ? "1" : null, at: null })}
      />
    </section>
  );
}

const write = (a: number, b: number): string => (a === b ? String(a) : `${a},${b}`);

export function OperatorPanel({ route, slot, name }: { route: Route; slot: "a" | "b"; name: string }) {
  const facts = OPERATORS[name];
  const none = { value: "", label: "no second operator" };
  return (
    <section class="panel operator" style={facts && { "--own": facts.look.color }} aria-label={`Operator ${slot.toUpperCase()}`}>
      <div class="with-swatch">
        {facts && <Swatch look={facts.look} />}
        <Select
          label={slot === "a" ? "Operator" : "Beside it"}
          value={name}
          choices={slot === "b" ? [none, ...operatorChoices()] : operatorChoices()}
          onChange={(value) => route.set({ [slot]: value || "-", at: null, ...forget(route, slot) })}
        />
      </div>
      {facts && <Options route={route} slot={slot} facts={facts} />}
    </section>
  );
}

/** What was set for the operator before. */
function forget(route: Route, slot: string): Record<string, null> {
  const names = FACTS.operators.flatMap(({ options }) => Object.keys(options));
  return Object.fromEntries([...names, "draw"].filter((name) => route.get(`${slot}.${name}`, "")).map((name) => [`${slot}.${name}`, null]));
}

export function Options({ route, slot, facts, without = [] }: { route: Route; slot: string; facts: OperatorFacts; without?: string[] }) {
  const values = readOptions(route, slot, facts);
  const set = (name: string, value: string | null): void => route.set({ [`${slot}.${name}`]: value });
  const shown = listOptions(facts).filter(([name]) => !without.includes(name));
  return (
    <>
      <p class="quiet">{facts.summary}</p>
      {(shown.length > 0 || isDrawn(facts)) && (
        <div class="grid two">
          {shown.map(([name, option]) => {
            const value = values[name];
            if (option.kind === "Switch") {
              return <Check key={name} label={name.replace(/_/g, " ")} hint={option.help} checked={value === true} onChange={(on) => set(name, on === option.default ? null : String(on))} />;
            }
            if (option.kind === "Choice") {
              return (
                <Select
                  key={name}
                  label={name}
                  hint={option.help}
                  value={String(value)}
                  choices={option.choices!.map((choice) => ({ value: choice, label: choice }))}
                  onChange={(choice) => set(name, choice === option.default ? null : choice)}
                />
              );
            }
            return (
              <NumberField
                key={name}
                label={LABELS[name] ?? name}
                hint={`${option.help}: ${option.fits ?? ""}`}
                value={value == null ? "" : (value as number)}
                placeholder={option.default == null ? "none" : String(option.default)}
                least={option.least ?? -1e6}
                most={name === "filter_size" ? 9 : (option.most ?? 1e6)}
                step={option.kind === "Whole" ? 1 : "any"}
                onChange={(number) => set(name, number === null || number === option.default ? null : String(number))}
              />
            );
          })}
          {isDrawn(facts) && (
            <NumberField
              label="example weights, draw"
              hint="a trained layer has weights of its own"
              value={route.number(`${slot}.draw`, 1, 1, 99)}
              least={1}
              most={99}
              onChange={(number) => set("draw", number === null || number === 1 ? null : String(number))}
            />
          )}
        </div>
      )}
    </>
  );
}

const LABELS: Record<string, string> = { filter_size: "blur, taps" };
