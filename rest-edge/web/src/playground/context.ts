// What every part of the page needs, handed down once.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Gateway } from "./wire/gateway";

export interface Surroundings {
  gateway: Gateway;
  /** Says something short to everybody: shown for a moment, and read out. `heard` is for what is in sight anyway. */
  announce: (text: string, heard?: "heard") => void;
}

export const Context = createContext<Surroundings | null>(null);

export function useSurroundings(): Surroundings {
  const surroundings = useContext(Context);
  if (surroundings === null) throw new Error("This is used outside of the page.");
  return surroundings;
}
