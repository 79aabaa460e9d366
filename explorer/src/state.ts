/** What is shown stands in the address, after the #: a view can be sent, and back and forward work. */

import { useEffect, useState } from "preact/hooks";

export const VIEWS = ["pool", "shift", "stack", "evidence"] as const;
export type View = (typeof VIEWS)[number];

/** "step": a step to go back to; "move": the address follows (a drag, a keystroke) without one. */
export type How = "step" | "move";

export interface Route {
  view: View;
  get(name: string, usual: string): string;
  number(name: string, usual: number, least: number, most: number): number;
  set(changes: Record<string, string | number | null>, how?: How): void;
  go(view: View): string;
}

function readAddress(): { view: View; params: URLSearchParams } {
  const [name, query = ""] = location.hash.slice(1).split("?", 2);
  const view = VIEWS.find((each) => each === name) ?? "pool";
  return { view, params: new URLSearchParams(query) };
}

const write = (view: View, params: URLSearchParams): string => {
  // Spaces and slashes may stay readable after a #.
  const query = params.toString().replace(/%2F/g, "/").replace(/%2C/g, ",");
  return `#${view}${query && `?${query}`}`;
};

/** The view and its settings; a setting that has its usual value isn't in the address. */
export function useRoute(): Route {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listen = (): void => redraw((count) => count + 1);
    addEventListener("hashchange", listen);
    addEventListener("popstate", listen);
    return () => {
      removeEventListener("hashchange", listen);
      removeEventListener("popstate", listen);
    };
  }, []);

  const { view, params } = readAddress();
  return {
    view,
    get: (name, usual) => params.get(name) ?? usual,
    number(name, usual, least, most) {
      const value = Number(params.get(name) ?? usual);
      return Number.isFinite(value) ? Math.min(Math.max(value, least), most) : usual;
    },
    set(changes, how = "step") {
      const { view: now, params: next } = readAddress();
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) next.delete(name);
        else next.set(name, String(value));
      }
      const address = write(now, next);
      if (address === location.hash || (address === `#${now}` && !location.hash)) return;
      if (how === "move") history.replaceState(null, "", address);
      else history.pushState(null, "", address);
      redraw((count) => count + 1);
    },
    go: (other) => `#${other}`,
  };
}
