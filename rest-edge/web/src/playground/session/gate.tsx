import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { Field } from "../ui/field";
import { FailureNotice } from "../ui/notice";
import { asFailure, type Failure } from "../wire/failure";
import { Gateway } from "../wire/gateway";
import type { Identity } from "../wire/types";
import { IdentityFields } from "./identity";

/** Asks for a token, and tries it before it is kept. */
export function Gate(props: {
  identity: Identity;
  /** Why the last token does not serve any more. */
  refused: boolean;
  enter: (token: string, identity: Identity) => void;
}): VNode {
  const [token, setToken] = useState("");
  const [identity, setIdentity] = useState(props.identity);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await new Gateway(token, identity).ask("/v1/info");
      props.enter(token, identity);
    } catch (thrown) {
      const failure = asFailure(thrown);
      // A token without the right to list models may be good for all the rest.
      if (failure.facts.status === 403) props.enter(token, identity);
      else setFailure(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="gate" aria-labelledby="gate-title">
      <h1 id="gate-title">Playground</h1>
      <p>Chat with the models of this gateway, and look after conversations, memory and system prompts.</p>
      {props.refused && (
        <p role="alert" class="problem">
          The token is not accepted any more. Enter one that is; what you see stays.
        </p>
      )}
      <form class="card" onSubmit={submit}>
        <Field
          label="Token"
          hint="A gateway that is tried out prints one; else ask its operator. It stays in this tab and is gone with it."
          control={(tied) => (
            <input
              {...tied}
              type="password"
              required
              autofocus
              autocomplete="off"
              spellcheck={false}
              data-param="headers.authorization"
              value={token}
              onInput={(event) => setToken(event.currentTarget.value.trim())}
            />
          )}
        />
        <details open={props.identity.tenant !== ""}>
          <summary>User, scope and tenant</summary>
          <IdentityFields value={identity} change={setIdentity} />
        </details>
        {failure !== null && <FailureNotice failure={failure} />}
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy || token === ""}>
            {isBusy ? "Trying…" : "Use this token"}
          </button>
        </div>
      </form>
    </section>
  );
}
