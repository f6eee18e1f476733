import "./playground.css";
import { render } from "preact";

render(<h1>Playground</h1>, document.querySelector("main")!);
