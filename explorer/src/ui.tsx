/** Small parts that all views share. */

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";

interface Choice {
  value: string;
  label: string;
}

/** A few choices side by side. */
export function Segmented(props: { legend: string; value: string; choices: Choice[]; onChange: (value: string) => void }) {
  const group = props.legend.replace(/\W+/g, "-").toLowerCase();
  return (
    <fieldset class="segmented">
      <legend class="quiet">{props.legend}</legend>
      {props.choices.map(({ value, label }) => (
        <label key={value} class={value === props.value ? "chosen" : ""}>
          <input type="radio" name={group} value={value} checked={value === props.value} onChange={() => props.onChange(value)} />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

export function Field(props: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label class="field" title={props.hint}>
      <span>{props.label}</span>
      {props.children}
    </label>
  );
}

/** A select with groups where choices have one. */
export function Select(props: {
  label: string;
  value: string;
  choices: (Choice & { group?: string })[];
  onChange: (value: string) => void;
  hint?: string;
}) {
  const groups = [...new Set(props.choices.map((choice) => choice.group ?? ""))];
  const list = (group: string) =>
    props.choices
      .filter((choice) => (choice.group ?? "") === group)
      .map(({ value, label }) => (
        <option key={value} value={value} selected={value === props.value}>
          {label}
        </option>
      ));
  return (
    <Field label={props.label} hint={props.hint}>
      <select aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        {groups.map((group) => (group ? <optgroup label={group}>{list(group)}</optgroup> : list(group)))}
      </select>
    </Field>
  );
}

/** A number that is only taken over where it fits. */
export function NumberField(props: {
  label: string;
  value: number | "";
  least: number;
  most: number;
  step?: number | "any";
  hint?: string;
  placeholder?: string;
  onChange: (value: number | null) => void;
}) {
  return (
    <Field label={props.label} hint={props.hint}>
      <input
        type="number"
        aria-label={props.label}
        inputMode="decimal"
        min={props.least}
        max={props.most}
        step={props.step ?? 1}
        value={props.value}
        placeholder={props.placeholder}
        onInput={(event) => {
          const { value, validity } = event.currentTarget;
          if (value === "") props.onChange(null);
          else if (validity.valid) props.onChange(Number(value));
        }}
      />
    </Field>
  );
}

export function Check(props: { label: string; checked: boolean; onChange: (checked: boolean) => void; hint?: string }) {
  return (
    <label class="check" title={props.hint}>
      <input type="checkbox" checked={props.checked} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      <span>{props.label}</span>
    </label>
  );
}

/** A command with a button that copies it. */
export function Command({ text, label = "Copy the command" }: { text: string; label?: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection()?.selectAllChildren(code.current!); // no clipboard here: then it is at least marked
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <div class="command">
      <code ref={code}>{text}</code>
      <button type="button" onClick={copy} aria-label={label} title={label}>
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

export const Problem = ({ children }: { children: ComponentChildren }) => (
  <p class="problem" role="alert">
    {children}
  </p>
);

/** On narrow screens, where the settings follow what they set. */
export const ToSettings = () => (
  <button type="button" class="to-settings" onClick={() => document.querySelector(".controls")?.scrollIntoView()}>
    Settings ↓
  </button>
);
