// Marks, in the table of contents, the section that is being read.

/** Follows the reader. */
export function followContents() {
  const links = [...document.querySelectorAll<HTMLAnchorElement>("nav.contents a")];
  const places = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const follow = () => {
    let here = -1;
    for (const [index, place] of places.entries()) {
      if (place !== null && !place.hidden && place.getBoundingClientRect().top < 140) here = index;
    }
    for (const [index, link] of links.entries()) link.classList.toggle("here", index === here);
  };
  document.addEventListener("scroll", follow, { passive: true });
  follow();
}
