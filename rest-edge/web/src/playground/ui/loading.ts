import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asFailure, type Failure } from "../wire/failure";

export interface Loading<Value> {
  /** What was loaded last; it stays while it is loaded anew. */
  value: Value | null;
  failure: Failure | null;
  reload: () => void;
}

/** Loads something at once, whenever `keys` change, and on demand. An answer that is overtaken counts for nothing. */
export function useLoading<Value>(load: (signal: AbortSignal) => Promise<Value>, keys: unknown[]): Loading<Value> {
  const [value, setValue] = useState<Value | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const running = useRef<AbortController | null>(null);
  const reload = useCallback(() => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    load(abort.signal).then(
      (loaded) => {
        if (abort.signal.aborted) return;
        setValue(loaded);
        setFailure(null);
      },
      (thrown: unknown) => {
        if (!abort.signal.aborted) setFailure(asFailure(thrown));
      },
    );
  }, keys);
  useEffect(() => {
    setValue(null);
    reload();
    return () => running.current?.abort();
  }, [reload]);
  return { value, failure, reload };
}
