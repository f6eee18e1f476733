import "./docs.css";
import { addCopyButtons } from "../common/copy.ts";
import { followContents } from "./contents.ts";
import { addFilter } from "./filter.ts";
import { addSearch } from "./search.ts";
import { makeTabs } from "./tabs.ts";

const pages = document.querySelector<HTMLDetailsElement>("nav.pages details");
// On a narrow window the list of pages stands before the text, so it is closed there.
if (pages !== null && matchMedia("(max-width: 48rem)").matches) pages.open = false;

const place = location.hash === "" ? null : document.getElementById(location.hash.slice(1));
makeTabs();
addCopyButtons(document);
addFilter();
addSearch();
followContents();
// The tabs took room away above the place that was asked for.
place?.scrollIntoView({ behavior: "instant" });
