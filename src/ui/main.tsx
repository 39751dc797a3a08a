// Entry of the page.
import { render } from "preact";
import { App } from "./app.tsx";
import { restoreTheme } from "./theme.tsx";

restoreTheme();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
