// Where the console begins: the words, who I am, then the page that the address names.
import { html, render } from "../ui/h.js";
import { ready } from "../ui/words.js";
import { whoAmI } from "../ui/api.js";
import { follow } from "../ui/router.js";
import { isPage } from "./pages.js";
import { Shell } from "./shell.js";
import "../ui/theme.js";

document.addEventListener("click", (event) => follow(event, isPage));
await ready;
render(html`<${Shell} />`, document.getElementById("app"));
// Drawn first: what is not allowed says so itself.
whoAmI().catch(() => {});
// What stays when no page is open (sw.js); where a page may not have that, it does without.
const register = () => { navigator.serviceWorker?.register("/sw.js").catch(() => {}); };
if (document.readyState === "complete") register(); else addEventListener("load", register);
