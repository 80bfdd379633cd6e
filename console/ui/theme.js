// Light or dark, as the system has it unless it was chosen.
import { effect, signal } from "./h.js";

const KEPT = "coeur.theme";
const THEMES = ["auto", "light", "dark"];
export const theme = signal(THEMES.includes(localStorage.getItem(KEPT)) ? localStorage.getItem(KEPT) : "auto");

effect(() => {
  localStorage.setItem(KEPT, theme.value);
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

export const nextTheme = () => { theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]; };
