// Where the console begins: the words, who I am, then the page that the address names.
import { html, render } from "../ui/h.js";
import { ready } from "../ui/words.js";
import { whoAmI } from "../ui/api.js";
import { follow } from "../ui/router.js";
import { forbidOthers } from "../phone/wake.js";
import { isPage } from "./pages.js";
import { Shell } from "./shell.js";
import "../ui/theme.js";

/** Milliseconds until the frame is drawn for somebody of whom nothing is known yet. */
const WAIT_MS = 300;

document.addEventListener("click", (event) => follow(event, isPage));
const known = whoAmI().then(forbidOthers).catch(() => {});
await ready;
// The words are there; who I am mostly is too, and decides which page is the first. Nobody waits for it.
await Promise.race([known, new Promise((done) => { setTimeout(done, WAIT_MS); })]);
render(html`<${Shell} />`, document.getElementById("app"));
// What stays when no page is open (sw.js); where a page may not have that, it does without.
const register = () => { navigator.serviceWorker?.register("/sw.js").catch(() => {}); };
if (document.readyState === "complete") register(); else addEventListener("load", register);
