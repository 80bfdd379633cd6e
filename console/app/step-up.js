// What is dangerous wants a proof of now: whoever left his browser open did not mean it. Whatever was asked goes on after it.
import { html, signal } from "../ui/h.js";
import { Problem, post, provedBy, whoAmI } from "../ui/api.js";
import { Dialog } from "../ui/dialog.js";
import { Form, Text } from "../ui/form.js";
import { t } from "../ui/words.js";

/** What waits for the proof: told whether it was given. */
const waiting = signal(null);
provedBy(() => new Promise((done) => { waiting.value = done; }));

export function StepUp() {
  if (!waiting.value) return null;
  const end = (isProved) => { waiting.value(isProved); waiting.value = null; };
  const send = async ({ password, code }) => {
    const { status } = await post("/auth/step-up", code.trim() ? { code: code.trim() } : { password });
    if (status !== "signed_in") throw new Problem(403, { title: t("stepup.code.too") });
    await whoAmI();
  };
  const fields = ({ values, set, error }) => html`<p class="muted">${t("stepup.text")}</p>
    <${Text} label=${t("stepup.password")} error=${error("password")} value=${values.password} onInput=${set("password")} type="password" autocomplete="current-password" />
    <${Text} label=${t("stepup.code")} hint=${t("stepup.code.hint")} error=${error("code")} value=${values.code} onInput=${set("code")} inputmode="numeric" autocomplete="one-time-code" />
    <p class="small"><a href="/auth/security">${t("stepup.key")}</a></p>`;
  return html`<${Dialog} title=${t("stepup.title")} onClose=${() => end(false)}><${Form} start=${{ password: "", code: "" }} send=${send} submit=${t("stepup.go")} fields=${fields} onDone=${() => end(true)} onClose=${() => end(false)} /><//>`;
}
