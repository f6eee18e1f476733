import "./openapi.css";
import { render } from "preact";

render(<h1>API reference</h1>, document.querySelector("main")!);
