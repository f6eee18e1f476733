import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { CopyButton } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Segments } from "../ui/segments";
import type { SentRequest } from "./request";
import { LANGUAGES, snippet, type Language } from "./snippets";

/** More than this of a request with images is of use to nobody's eyes; the copy is whole. */
const MAX_SHOWN = 12_000;

/** A request in the languages of others. */
export function CodeDialog({ request, close }: { request: SentRequest; close: () => void }): VNode {
  const [language, setLanguage] = useState<Language>("curl");
  const text = snippet(language, request, location.origin);
  const isCut = text.length > MAX_SHOWN;
  return (
    <Dialog title="The request as code" close={close} isWide>
      <div class="bar">
        <Segments legend="Language" value={language} options={LANGUAGES} choose={setLanguage} />
        <CopyButton text={text} label="Copy" what="Code" />
      </div>
      <pre class="code" tabIndex={0} aria-label="Code">
        <code>{isCut ? `${text.slice(0, MAX_SHOWN)}…` : text}</code>
      </pre>
      <p class="hint">
        The token is not in it: <code>export TOKEN=…</code> first.{isCut && " Shown in part; the copy is whole."}
        {language === "python" && (
          <>
            {" "}
            Needs <code>pip install openai</code>.
          </>
        )}
        {language === "grpc" && (
          <>
            {" "}
            Needs <code>npm install @bufbuild/buf</code>, and a gateway with reflection.
          </>
        )}
      </p>
    </Dialog>
  );
}
