// The filters of a page under a name of one's own. What they show is always asked of the server anew: a browser keeps the address
// alone, under the login of whoever named it.
import { html, useState } from "./h.js";
import { session } from "./api.js";
import { Dialog } from "./dialog.js";
import { Form, Text } from "./form.js";
import { Icon } from "./icon.js";
import { path, query } from "./router.js";
import { store } from "./store.js";
import { toast } from "./toast.js";
import { compare, t } from "./words.js";

/** For one page. */
const MAX = 20;
const NAME_MAX = 40;
const kept = () => `coeur.views.${session.value?.login ?? ""}`;

function all() {
  try {
    const read = JSON.parse(store.getItem(kept()) ?? "{}");
    return read && typeof read === "object" && !Array.isArray(read) ? read : {};
  } catch {
    return {};
  }
}

/** Only what was written by this: a name and a question. */
const ofPage = (page) => (Array.isArray(all()[page]) ? all()[page] : []).filter((one) => typeof one?.name === "string" && typeof one?.search === "string").slice(0, MAX);

const write = (page, views) => store.setItem(kept(), JSON.stringify({ ...all(), [page]: views }));

export function Views() {
  const page = path.value;
  const [, drawn] = useState(0);
  const [naming, setNaming] = useState(false);
  const views = ofPage(page);
  const search = query.value.toString();
  const set = (next) => { write(page, next); drawn((n) => n + 1); };
  const add = async ({ name }) => {
    const trimmed = name.trim().slice(0, NAME_MAX);
    if (!trimmed) throw Object.assign(new Error(), { title: t("views.unnamed"), errors: [{ pointer: "#/name", detail: t("views.unnamed") }] });
    set([...views.filter((one) => one.name !== trimmed), { name: trimmed, search }].sort((a, b) => compare(a.name, b.name)).slice(0, MAX));
  };
  const drop = (gone) => { set(views.filter((one) => one !== gone)); toast(t("views.removed", { name: gone.name }), { undo: () => set([...ofPage(page), gone].sort((a, b) => compare(a.name, b.name))) }); };
  if (views.length === 0 && !search) return null;
  return html`<nav class="views" aria-label=${t("views")}>${views.map((one) => html`<span class="view" key=${one.name}>
      <a href=${`${page}?${one.search}`} aria-current=${one.search === search ? "true" : undefined}>${one.name}</a>
      <button type="button" onClick=${() => drop(one)} aria-label=${t("views.remove", { name: one.name })} title=${t("views.remove", { name: one.name })}><${Icon} name="close" size=${14} /></button></span>`)}
    ${search && views.length < MAX && !views.some((one) => one.search === search) && html`<button type="button" class="button small quiet" onClick=${() => setNaming(true)}><${Icon} name="plus" size=${16} />${t("views.add")}</button>`}
    ${naming && html`<${Dialog} title=${t("views.add")} onClose=${() => setNaming(false)}><${Form} start=${{ name: "" }} submit=${t("views.keep")} send=${add} onClose=${() => setNaming(false)} onDone=${() => setNaming(false)}
      fields=${({ values, set: field, error }) => html`<${Text} label=${t("views.name")} hint=${t("views.hint")} error=${error("name")} value=${values.name} onInput=${field("name")} maxlength=${NAME_MAX} />`} /><//>`}</nav>`;
}
