// Phones that can be called now: a table, and how they reach us.
import { html } from "../../ui/h.js";
import { Icon } from "../../ui/icon.js";
import { useAsk } from "../../ui/api.js";
import { Segments } from "../../ui/form.js";
import { NetMap } from "../../ui/netmap.js";
import { Empty, Head, Tag, Waiting } from "../../ui/parts.js";
import { Foot, Table } from "../../ui/table.js";
import { query, filter } from "../../ui/router.js";
import { Views } from "../../ui/views.js";
import { lasting, t } from "../../ui/words.js";
import { family, numberOf } from "../shapes.js";

export default function Registrations() {
  const list = useAsk("registrations", { limit: 500 }, 5_000, ["registration."]);
  const shape = query.value.get("as") ?? "list";
  return html`<${Head} title=${t("page.registrations")} intro=${t("registrations.intro")} />
    <${Waiting} of=${list}>${(page) => page.data.length === 0
      ? html`<div class="card"><${Empty} icon="signal" title=${t("phones.none")} text=${t("phones.none.text")}><a class="button primary" href="/accounts?add=1">${t("account.add")}</a><//></div>`
      : html`<${Shown} rows=${page.data.map(look)} more=${page.has_more} shape=${shape} />`}<//>`;
}

/** A registration, with what is told of its way. */
function look(one) {
  const remote = one.source ?? "";
  const ip = remote.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return { ...one, transport: one.transport ?? "", remote, subnet: subnet(ip), family: one.user_agent && family(one.user_agent) };
}

/** The network of an address as people group them: /24, or /64. */
const subnet = (ip) => ip.includes(":") ? `${ip.split(":").slice(0, 4).join(":")}::/64` : ip ? `${ip.split(".").slice(0, 3).join(".")}.0/24` : "–";

const isOpen = (row) => ["udp", "tcp", "ws"].includes(row.transport);

function Shown({ rows, more, shape }) {
  const text = (query.value.get("q") ?? "").toLowerCase();
  const open = query.value.get("open");
  const shown = rows.filter((row) => (!open || isOpen(row)) && (!text || [row.account, row.remote, row.user_agent, row.transport, row.subnet].some((part) => part?.toLowerCase().includes(text))));
  return html`<div class="bar"><label class="search grow"><${Icon} name="search" size=${18} /><span class="sr">${t("filter")}</span><input type="search" class="input" placeholder=${t("registrations.filter")} value=${query.value.get("q") ?? ""} onInput=${(event) => filter({ q: event.target.value })} /></label>
      <button class="button small" aria-pressed=${open ? "true" : "false"} onClick=${() => filter({ open: open ? "" : "1" })}>${open && html`<${Icon} name="check" size=${16} />`}${t("registrations.open")}</button>
      <${Segments} label=${t("records.as")} value=${shape} options=${[["list", t("records.list")], ["map", t("registrations.map")]]} onInput=${(name) => filter({ as: name === "list" ? "" : name })} /></div><${Views} />
    <section class="card flush">${shown.length === 0 ? html`<${Empty} icon="search" title=${t("records.none.filter")} text=${t("records.none.filter.text")}><a class="button" href="/registrations">${t("filter.clear")}</a><//>`
      : shape === "map" ? html`<${NetMap} rows=${shown} />` : html`<${List} rows=${shown} more=${more} />`}</section>`;
}

function List({ rows, more }) {
  const columns = [
    { key: "account", label: t("side.account"), cell: (row) => html`<span class="clip">${row.account}</span>` },
    { key: "user_agent", label: t("side.phone"), value: (row) => row.user_agent, cell: (row) => html`<span class="clip">${row.user_agent || t("device.named", { name: numberOf(row.device_id) })}</span>` },
    { key: "transport", label: t("registrations.transport"), cell: (row) => html`<${Tag} kind=${isOpen(row) ? "warn" : "good"} icon=${isOpen(row) ? "unlock" : "lock"}>${row.transport.toUpperCase() || "–"}<//>` },
    { key: "remote", label: t("registrations.from"), cell: (row) => html`<span class="mono">${row.remote || "–"}</span>` },
    { key: "expires_in_s", label: t("registrations.expires"), num: true, cell: (row) => lasting(row.expires_in_s) },
  ];
  return html`<${Table} label=${t("page.registrations")} columns=${columns} rows=${rows} rowKey=${(row) => `${row.account} ${row.contact}`} href=${(row) => `/accounts/${encodeURIComponent(row.account)}`}
    sorted=${{ key: "account" }} foot=${html`<${Foot} count=${rows.length} more=${more} />`} />`;
}
