// The calls that live, at the edge of every page but the phone's own; and the ringing.
import { html, names, useEffect } from "../ui/h.js";
import { path } from "../ui/router.js";
import { t } from "../ui/words.js";
import { CallCard } from "./card.js";
import { calls } from "./line.js";
import { quiet, ring } from "./ringer.js";

export function PhoneBar() {
  const ringing = calls.value.some((one) => one.phase.value === "ringing");
  useEffect(() => {
    if (!ringing) return undefined;
    ring();
    const before = document.title;
    document.title = `☎ ${t("phone.phase.ringing")}`;
    return () => { quiet(); document.title = before; };
  }, [ringing]);
  if (calls.value.length === 0 || path.value.startsWith("/phone")) return null;
  return html`<aside class=${names("phonebar")} aria-label=${t("page.phone")}>${calls.value.map((one) => html`<${CallCard} key=${one.id} call=${one} />`)}</aside>`;
}
