// The frame: navigation at the side, search and tools above, the page in the middle.
import { html, names, signal, useEffect, useErrorBoundary, useRef, useState } from "../ui/h.js";
import { Icon } from "../ui/icon.js";
import { Toasts, failed } from "../ui/toast.js";
import { Empty, Skeleton, Trouble } from "../ui/parts.js";
import { go, path } from "../ui/router.js";
import { choose, language, t } from "../ui/words.js";
import { nextTheme, theme } from "../ui/theme.js";
import { ask, reachable, session, useAsk } from "../ui/api.js";
import { live } from "../ui/live.js";
import { find, pagesOf } from "./pages.js";
import { Palette, paletteOpen } from "./palette.js";
import { edge } from "./edge.js";
import { leave } from "../phone/leave.js";
import { Help, helpOpen, useKeys } from "./keys.js";
import { StepUp } from "./step-up.js";

const GROUPS = ["now", "past", "manage"];
const sideOpen = signal(false);

export function Shell() {
  useKeys();
  const place = find(path.value);
  useEffect(() => { sideOpen.value = false; }, [path.value]);
  return html`<div class="shell" key=${language.value}><a class="skip" href="#main">${t("skip")}</a>
    <${Side} here=${place?.page.name} />${sideOpen.value && html`<div class="shade" onClick=${() => { sideOpen.value = false; }}></div>`}
    <div><${Top} /><main id="main" tabindex="-1"><${Page} key=${path.value} place=${place} /></main></div>
    ${paletteOpen.value && html`<${Palette} />`}${helpOpen.value && html`<${Help} />`}${edge.value && html`<${edge.value} />`}<${StepUp} /><${Toasts} /></div>`;
}

function Side({ here }) {
  const role = session.value?.role;
  const status = useAsk(role && role !== "user" ? "status" : null, undefined, 10_000).data;
  const pages = pagesOf(role);
  const groups = GROUPS.filter((group) => pages.some((page) => page.group === group));
  return html`<div class=${names("side", { open: sideOpen.value })} onKeyDown=${(event) => { if (event.key === "Escape") sideOpen.value = false; }}>
    <a class="brand" href="/"><${Icon} name="heart" size=${28} />${t("coeur")}</a>
    <nav aria-label=${t("nav")}>${groups.map((group) => html`<div><h2 id=${`group-${group}`}>${t(`nav.${group}`)}</h2><ul aria-labelledby=${`group-${group}`}>
      ${pages.filter((page) => page.group === group).map((page) => html`<li><a href=${page.path} aria-current=${page.name === here ? "page" : undefined}>
        <${Icon} name=${page.icon} />${t(`page.${page.name}`)}</a></li>`)}</ul></div>`)}</nav>
    <div class="foot">${status && html`<span>${t("version", { version: status.version })}</span>`}</div></div>`;
}

function Top() {
  const themeIcon = { auto: "auto", light: "sun", dark: "moon" }[theme.value];
  const other = language.value === "en" ? "fr" : "en";
  return html`<header class="top">
    <button class="icon-button burger" onClick=${() => { sideOpen.value = !sideOpen.value; }} aria-label=${t("menu")} aria-expanded=${sideOpen.value ? "true" : "false"}><${Icon} name="menu" /></button>
    <button class="find" onClick=${() => { paletteOpen.value = true; }} aria-keyshortcuts="Control+K"><${Icon} name="search" size=${18} /><span>${t("search")}</span><kbd aria-hidden="true">Ctrl K</kbd></button>
    <div class="tools">${!reachable.value && html`<span class="live off" role="status"><i></i><span>${t("offline")}</span></span>`}
      ${reachable.value && ["on", "lost"].includes(live.value) && html`<span class=${names("live", { off: live.value !== "on" })} role="status" title=${t(`live.${live.value}.hint`)}><i></i><span>${t(`live.${live.value}`)}</span></span>`}
      <button class="icon-button" onClick=${nextTheme} aria-label=${t(`theme.${theme.value}`)} title=${t(`theme.${theme.value}`)}><${Icon} name=${themeIcon} /></button>
      <button class="icon-button" lang=${other} onClick=${() => choose(other)} title=${t("language.other")}><span aria-hidden="true">${other.toUpperCase()}</span><span class="sr">${t("language.other")}</span></button>
      <button class="icon-button" onClick=${() => { helpOpen.value = true; }} aria-label=${t("help")} title=${t("help")}><${Icon} name="help" /></button>
      ${session.value && html`<a class="icon-button" href="/auth/security" aria-label=${t("security")} title=${t("security")}><${Icon} name="lock" /></a>
        <button class="icon-button" onClick=${signOut} aria-label=${t("sign.out", { who: session.value.login ?? "" })} title=${t("sign.out", { who: session.value.login ?? "" })}><${Icon} name="out" /></button>`}</div></header>`;
}

function signOut() {
  leave().then(() => ask("POST", "/auth/sign-out")).then(() => location.assign(session.value?.signed_in_by === "provider" ? "/sign-in?left=true" : "/sign-in"), failed);
}

/** The module of a page, then the page; what breaks in it leaves the frame whole. */
function Page({ place }) {
  const isElsewhere = place?.page.name === "home" && session.value?.role === "user";
  useEffect(() => { if (isElsewhere) go("/mine", { replace: true }); }, [isElsewhere]);
  const [drawn, setDrawn] = useState(null);
  const [broken, reset] = useErrorBoundary((error) => console.error(error));
  const box = useRef(null);
  useEffect(() => {
    let stale = false;
    place?.load().then((module) => { if (!stale) setDrawn(() => module.default); }, (problem) => setDrawn(() => () => html`<${Trouble} problem=${problem} retry=${() => location.reload()} />`));
    return () => { stale = true; };
  }, []);
  const title = place ? t(`page.${place.page.name}`) : t("lost.title");
  useEffect(() => { document.title = `${place?.id || title} · ${t("coeur")}`; }, [title]);
  if (broken) return html`<${Trouble} problem=${{ status: 0, title: t("broken.title"), message: t("broken.text") }} retry=${reset} />`;
  if (!place) return html`<${Empty} icon="search" title=${t("lost.title")} text=${t("lost.text")}><a class="button" href="/">${t("page.home")}</a><//>`;
  return html`<div ref=${box}>${drawn ? html`<${drawn} id=${place.id} />` : html`<${Skeleton} />`}</div>`;
}
