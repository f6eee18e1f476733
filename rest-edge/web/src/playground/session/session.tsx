import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import type { Identity } from "../wire/types";
import { IdentityFields } from "./identity";

/** Who the page asks for, and the way out. */
export function SessionView(props: {
  identity: Identity;
  change: (identity: Identity) => void;
  forget: () => void;
}): VNode {
  const { announce } = useSurroundings();
  const [identity, setIdentity] = useState(props.identity);
  const submit = (event: Event) => {
    event.preventDefault();
    props.change(identity);
    announce("Everything is asked for this user and scope now.");
  };
  return (
    <section class="view narrow" aria-labelledby="session-title">
      <header class="head">
        <h1 id="session-title">Session</h1>
      </header>
      <form class="card" aria-label="Who asks" onSubmit={submit}>
        <IdentityFields value={identity} change={setIdentity} />
        <div class="actions">
          <button type="submit" class="primary" disabled={JSON.stringify(identity) === JSON.stringify(props.identity)}>
            Apply
          </button>
        </div>
      </form>
      <div class="card">
        <p>The token is in this tab alone, and is gone when you close it.</p>
        <div class="actions">
          <button type="button" class="danger" onClick={props.forget}>
            Forget the token
          </button>
        </div>
      </div>
    </section>
  );
}
