import "./playground.css";
import { render } from "preact";
import { App } from "./app";

const main = document.querySelector("main");
if (main !== null) render(<App />, main);
