import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Model } from "../wire/types";
import { filesOf, IMAGE_TYPES, pictureOf, type Picture } from "./images";

/** Where the reader writes, and drops pictures. Enter sends, Shift+Enter breaks the line, Escape stops an answer. */
export function Composer(props: {
  model: Model | null;
  /** Whether it is known which model is asked. */
  isReady: boolean;
  isRunning: boolean;
  send: (text: string, images: string[]) => boolean;
  stop: () => void;
  preview: (text: string, images: string[]) => void;
}): VNode {
  const [text, setText] = useState("");
  const [pictures, setPictures] = useState<Picture[]>([]);
  const [problems, setProblems] = useState<string[]>([]);
  const [isOver, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const takesImages = props.model?.modalities?.input.includes("image") ?? true;
  const urls = pictures.map((picture) => picture.url);
  const isEmpty = text.trim() === "" && pictures.length === 0;

  const add = async (files: File[]) => {
    if (files.length === 0) return;
    if (!takesImages) return setProblems([`${props.model?.alias ?? "This model"} takes no images.`]);
    const read = await Promise.all(files.map(pictureOf));
    setPictures((before) => [...before, ...read.filter((one) => typeof one !== "string")]);
    setProblems(read.filter((one) => typeof one === "string"));
  };
  const send = () => {
    if (isEmpty || !props.isReady || props.isRunning || !props.send(text, urls)) return;
    setText("");
    setPictures([]);
    setProblems([]);
    box.current?.focus();
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "Escape" && props.isRunning) props.stop();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void add(filesOf(event.dataTransfer));
  };
  const over = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };

  return (
    <form
      class={isOver ? "composer over" : "composer"}
      aria-label="Message"
      onSubmit={(event) => (event.preventDefault(), send())}
      onDrop={drop}
      onDragOver={over}
      onDragLeave={() => setOver(false)}
    >
      {problems.length > 0 && (
        <p class="problem" role="alert">
          {problems.join(" ")}
        </p>
      )}
      {pictures.length > 0 && (
        <ul class="pictures" aria-label="Images to send">
          {pictures.map((picture, index) => (
            <li key={index}>
              <img
                src={picture.url}
                alt={picture.name}
                title={`${picture.name}, ${picture.width} × ${picture.height}`}
              />
              <button
                type="button"
                class="small"
                aria-label={`Remove ${picture.name}`}
                onClick={() => setPictures(pictures.filter((_, other) => other !== index))}
              >
                ✕
              </button>
            </li>
          ))}
        </ul>
      )}
      <textarea
        ref={box}
        rows={2}
        aria-label="Your message"
        data-param="message"
        placeholder={
          isOver ? "Drop the images here" : takesImages ? "Ask something; images can be dropped here" : "Ask something"
        }
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={key}
        onPaste={(event) => void add(filesOf(event.clipboardData))}
      />
      <div class="actions">
        <input
          ref={picker}
          type="file"
          class="hidden"
          tabIndex={-1}
          aria-label="Images"
          multiple
          accept={IMAGE_TYPES.join(",")}
          onChange={(event) => {
            void add([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        <button type="button" disabled={!takesImages} onClick={() => picker.current?.click()}>
          Add images
        </button>
        <button type="button" disabled={isEmpty || !props.isReady} onClick={() => props.preview(text, urls)}>
          Show request
        </button>
        <span class="hint">Enter sends, Shift+Enter breaks the line</span>
        {props.isRunning ? (
          <button type="button" class="stop" onClick={props.stop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="primary" disabled={isEmpty || !props.isReady}>
            Send
          </button>
        )}
      </div>
    </form>
  );
}
