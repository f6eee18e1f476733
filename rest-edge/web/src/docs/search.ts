// The search over all pages, error codes, settings and routes: a combobox. Its index is made in the browser, from what the
// build gathered, when somebody first goes there.

import MiniSearch from "minisearch";

interface Entry {
  href: string;
  title: string;
  page: string;
  text: string;
}

const MOST = 8;
const AROUND = 60;

/** Puts the field into its place. */
export function addSearch() {
  const place = document.querySelector<HTMLElement>(".finder");
  if (place === null) return;
  place.innerHTML =
    '<label class="hidden" for="search">Search the documentation</label>' +
    '<input id="search" type="text" role="combobox" placeholder="Search" autocomplete="off" spellcheck="false"' +
    ' aria-expanded="false" aria-controls="found" aria-autocomplete="list"><kbd aria-hidden="true">/</kbd>' +
    '<ul id="found" role="listbox" aria-label="Found" hidden></ul><div class="hidden" role="status"></div>';
  new Finder(
    place.querySelector("input")!,
    place.querySelector("ul")!,
    place.querySelector<HTMLElement>("[role=status]")!,
  ).listen();
}

class Finder {
  private index: Promise<(words: string) => Entry[]> | undefined;
  private at = 0;

  constructor(
    private readonly field: HTMLInputElement,
    private readonly list: HTMLUListElement,
    private readonly status: HTMLElement,
  ) {}

  listen() {
    this.field.addEventListener("focus", () => (this.index ??= load()));
    this.field.addEventListener("input", () => this.find());
    this.field.addEventListener("keydown", (event) => this.onKey(event));
    this.field.addEventListener("blur", () => this.close());
    // Before the field loses the focus to what is pressed.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-href]") : null;
      if (option !== null) this.go(option);
    });
    document.addEventListener("keydown", (event) => {
      const types = event.target instanceof Element && event.target.matches("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || types || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.field.focus();
      this.field.select();
    });
  }

  private async find() {
    const words = this.field.value;
    const search = await (this.index ??= load());
    // Somebody typed on while the index was made.
    if (words !== this.field.value) return;
    const found = words.trim() === "" ? [] : search(words).slice(0, MOST);
    this.list.replaceChildren(...(found.length > 0 ? found.map((entry, at) => option(entry, at, words)) : [nothing()]));
    this.status.textContent = words.trim() === "" ? "" : `${found.length} found`;
    this.at = 0;
    this.list.hidden = words.trim() === "";
    this.field.setAttribute("aria-expanded", String(!this.list.hidden));
    this.mark();
  }

  private onKey(event: KeyboardEvent) {
    const options = this.options();
    if (event.key === "Escape") {
      if (this.list.hidden) this.field.value = "";
      this.close();
    } else if (this.list.hidden || options.length === 0) {
      return;
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
      this.mark();
    } else if (event.key === "Enter") {
      this.go(options[this.at]!);
    } else {
      return;
    }
    event.preventDefault();
  }

  private mark() {
    for (const [at, option] of this.options().entries()) {
      option.setAttribute("aria-selected", String(at === this.at));
      if (at === this.at) option.scrollIntoView({ block: "nearest" });
    }
    this.field.setAttribute("aria-activedescendant", this.options()[this.at]?.id ?? "");
  }

  private go(option: HTMLElement) {
    this.close();
    this.field.blur();
    location.assign(option.dataset["href"]!);
  }

  private close() {
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  private options() {
    return [...this.list.querySelectorAll<HTMLElement>("[data-href]")];
  }
}

async function load(): Promise<(words: string) => Entry[]> {
  const entries = (await (await fetch("/assets/search.json")).json()) as Entry[];
  const index = new MiniSearch<Entry & { id: number; parts: string }>({
    fields: ["title", "parts", "page", "text"],
    searchOptions: { prefix: true, fuzzy: 0.15, combineWith: "AND", boost: { title: 6, parts: 3, page: 2 } },
  });
  // A code is found by its parts as well as whole.
  index.addAll(entries.map((entry, id) => ({ ...entry, id, parts: entry.title.replaceAll(/[_/{}-]+/g, " ") })));
  return (words) => index.search(words).map(({ id }) => entries[id as number]!);
}

function option({ href, title, page, text }: Entry, at: number, words: string) {
  const item = document.createElement("li");
  item.id = `found-${at}`;
  item.dataset["href"] = href;
  item.setAttribute("role", "option");
  const [where, name, around] = ["i", "b", "span"].map((tag) => document.createElement(tag));
  where!.textContent = page;
  name!.textContent = title;
  around!.textContent = excerpt(text, words);
  item.append(where!, name!, around!);
  return item;
}

function nothing() {
  const item = document.createElement("li");
  item.className = "none";
  item.setAttribute("role", "option");
  item.setAttribute("aria-disabled", "true");
  item.textContent = "Nothing has these words.";
  return item;
}

/** The text from shortly before the first of the words. */
function excerpt(text: string, words: string) {
  const first = words.trim().toLowerCase().split(/\s+/)[0] ?? "";
  const found = text.toLowerCase().indexOf(first);
  return found <= AROUND ? text : `... ${text.slice(text.indexOf(" ", found - AROUND) + 1)}`;
}
