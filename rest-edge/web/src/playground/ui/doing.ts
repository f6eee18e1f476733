import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { asFailure, type Failure } from "../wire/failure";
import { fieldOf, reveal } from "./notice";

export interface Doing {
  isBusy: boolean;
  failure: Failure | null;
  /** Does something, says that it is done, or shows why not and goes to the field at fault. */
  run: (work: () => Promise<string>) => Promise<void>;
  clear: () => void;
}

/** Something that a reader does here, one at a time. */
export function useDoing(): Doing {
  const { announce } = useSurroundings();
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const run = async (work: () => Promise<string>) => {
    setBusy(true);
    setFailure(null);
    try {
      announce(await work());
    } catch (thrown) {
      const failure = asFailure(thrown);
      setFailure(failure);
      const field = failure.facts.param === "" ? null : fieldOf(failure.facts.param);
      if (field !== null) reveal(field);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, failure, run, clear: () => setFailure(null) };
}
