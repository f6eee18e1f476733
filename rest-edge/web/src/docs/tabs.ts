// Samples in several languages become tabs. What is chosen in one is chosen in all, on every page.

const KEY = "gateway.language";

/** Makes tabs of all samples of the page. */
export function makeTabs() {
  const groups = [...document.querySelectorAll<HTMLElement>(".samples")].map(tabsOf);
  const choose = (language: string) => groups.forEach((show) => show(language));
  choose(localStorage.getItem(KEY) ?? "");
  document.addEventListener("click", (event) => {
    const tab = event.target instanceof Element ? event.target.closest<HTMLElement>(".samples [role=tab]") : null;
    if (tab === null) return;
    const before = tab.getBoundingClientRect().top;
    localStorage.setItem(KEY, tab.textContent);
    choose(tab.textContent);
    // The samples above may have changed their height; what the reader looks at stays where it is.
    window.scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
  });
}

/** Makes tabs of one, and gives what shows the sample in a language, or the first where there is none in it. */
function tabsOf(samples: HTMLElement, group: number) {
  const sections = [...samples.querySelectorAll<HTMLElement>("section")];
  const list = document.createElement("div");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", "Language");
  const tabs = sections.map((section, index) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.textContent = section.dataset["language"] ?? "";
    tab.id = `tab-${group}-${index}`;
    tab.setAttribute("role", "tab");
    section.id = `sample-${group}-${index}`;
    section.setAttribute("role", "tabpanel");
    section.setAttribute("aria-labelledby", tab.id);
    tab.setAttribute("aria-controls", section.id);
    return tab;
  });
  list.append(...tabs);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = tabs[(tabs.findIndex((tab) => tab === document.activeElement) + step + tabs.length) % tabs.length];
    event.preventDefault();
    next?.focus();
    next?.click();
  });
  samples.prepend(list);
  samples.classList.add("tabbed");
  return (language: string) => {
    const chosen = Math.max(0, tabs.findIndex((tab) => tab.textContent === language));
    for (const [index, tab] of tabs.entries()) {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      sections[index]!.hidden = index !== chosen;
    }
  };
}
