// The field on the page of errors that leaves only some of them.

/** Makes the field work, where there is one. */
export function addFilter() {
  const field = document.querySelector<HTMLInputElement>("#filter");
  const shown = document.querySelector<HTMLOutputElement>("#shown");
  if (field === null || shown === null) return;
  const sections = [...document.querySelectorAll<HTMLElement>("section.error")].map((section) => ({
    section,
    link: document.querySelector<HTMLElement>(`nav.contents a[href="#${section.id}"]`)?.parentElement,
    text: [...section.querySelectorAll("h2 > code, .title, dd")].map((part) => part.textContent.toLowerCase()).join(" "),
  }));
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { section, link, text } of sections) {
      const fits = words.every((word) => text.includes(word));
      section.hidden = !fits;
      if (link) link.hidden = !fits;
      if (fits) count += 1;
    }
    shown.value = `${count} of ${sections.length}`;
  };
  field.addEventListener("input", filter);
  // A link to a code that is filtered away shows all.
  addEventListener("hashchange", () => {
    const place = document.getElementById(location.hash.slice(1));
    if (place?.hidden !== true) return;
    field.value = "";
    filter();
    place.scrollIntoView();
  });
  filter();
}
