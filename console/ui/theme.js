// Light or dark, as the system has it unless it was chosen.
import { effect, signal } from "./h.js";
import { store } from "./store.js";

const KEPT = "coeur.theme";
const THEMES = ["auto", "light", "dark"];
export const theme = signal(THEMES.includes(store.getItem(KEPT)) ? store.getItem(KEPT) : "auto");

effect(() => {
  store.setItem(KEPT, theme.value);
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

/** Of those that there are. */
export const chooseTheme = (name) => { if (THEMES.includes(name)) theme.value = name; };
export const nextTheme = () => { theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]; };
