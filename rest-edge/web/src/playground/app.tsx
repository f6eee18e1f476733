import type { VNode } from "preact";
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { Context } from "./context";
import { Gate } from "./session/gate";
import { NOBODY } from "./session/identity";
import { forgetToken, storedToken, storeToken } from "./session/token";
import { Gateway } from "./wire/gateway";
import { Workspace } from "./workspace";

/** For how long something that was said is shown. */
const SHOWN_MILLISECONDS = 6_000;

/** The page: a gate without a token, the workspace with one. What is there stays behind the gate when it is refused. */
export function App(): VNode {
  const [token, setToken] = useState(storedToken);
  const [identity, setIdentity] = useState(NOBODY);
  const [isRefused, setRefused] = useState(false);
  const [said, setSaid] = useState({ text: "", isSeen: true, turn: 0 });

  const announce = useCallback(
    (text: string, heard?: "heard") => setSaid(({ turn }) => ({ text, isSeen: heard === undefined, turn: turn + 1 })),
    [],
  );
  useEffect(() => {
    if (said.text === "") return undefined;
    const timer = setTimeout(() => setSaid((now) => (now === said ? { ...now, text: "" } : now)), SHOWN_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [said]);
  const surroundings = useMemo(() => {
    const refused = () => {
      forgetToken();
      setRefused(true);
    };
    return { gateway: new Gateway(token, identity, refused), announce };
  }, [token, identity, announce]);

  return (
    <Context.Provider value={surroundings}>
      {(token === "" || isRefused) && (
        <Gate
          identity={identity}
          refused={isRefused}
          enter={(token, identity) => {
            storeToken(token);
            setToken(token);
            setIdentity(identity);
            setRefused(false);
          }}
        />
      )}
      {token !== "" && (
        <div class="behind" hidden={isRefused}>
          <Workspace
            identity={identity}
            change={setIdentity}
            forget={() => {
              forgetToken();
              setToken("");
              setIdentity(NOBODY);
              setRefused(false);
            }}
          />
        </div>
      )}
      <p role="status" class={said.isSeen ? "said-so" : "hidden"}>
        {said.text}
      </p>
    </Context.Provider>
  );
}
