// A phone that rings when no page of it is open: the push service of this browser wakes it, and the server knows by the Contact
// of its REGISTER how (RFC 8599; docs/push.md). The person says so once, and may take it back.
import { signal } from "../ui/h.js";
import { session } from "../ui/api.js";
import { embedded, store } from "../ui/store.js";

/** Who is woken here, by his login: a browser has one subscription, and may be used by several. */
const KEPT = "coeur.phone.wakes";
/** The key of the server to subscribe with (RFC 8292); null where it wakes nobody. */
export const offered = signal(null);
export const wakes = signal(false);
/** Nothing reaches a page that is closed any more when its registration ends: as long as the server takes. */
export const ASLEEP_EXPIRES_S = 7_200;

const pushes = () => navigator.serviceWorker && window.PushManager && navigator.serviceWorker.ready.then((worker) => worker.pushManager);

/** What the Contact says of it: asks what there is, or how this browser is woken. */
export async function contactParams() {
  if (embedded) return "";
  await forbidOthers();
  if (!store.getItem(KEPT) || !pushes()) return ";pn-provider=webpush";
  const subscription = await (await pushes()).getSubscription().catch(() => null);
  wakes.value = Boolean(subscription);
  return subscription ? named(subscription.toJSON()) : ";pn-provider=webpush";
}

const named = ({ endpoint, keys }) => `;pn-provider=webpush;pn-param=${keys.p256dh}.${keys.auth};pn-prid=${encodeURIComponent(endpoint)}`;

/** `Feature-Caps: *;+sip.pns="webpush";+sip.vapid="KEY"` (RFC 8599 section 8) in the answer to a REGISTER. */
export function answered(response) {
  const said = response.getHeaders("Feature-Caps").find((line) => line.includes('"webpush"')) ?? "";
  offered.value = pushes() ? /\+sip\.vapid="([\w-]+)"/.exec(said)?.[1] ?? null : null;
}

/** The person wants it. False: the browser or the person does not. */
export async function allow() {
  if (await Notification.requestPermission() !== "granted") return false;
  const manager = await pushes();
  await manager.subscribe({ userVisibleOnly: true, applicationServerKey: offered.value });
  store.setItem(KEPT, session.value.login);
  return true;
}

export async function forbid() {
  store.removeItem(KEPT);
  wakes.value = false;
  const worker = await navigator.serviceWorker?.getRegistration();
  await (await worker?.pushManager?.getSubscription())?.unsubscribe();
}

/** Whoever was here before and did not sign out is called here no more. */
export async function forbidOthers() {
  const whose = store.getItem(KEPT);
  if (whose && session.value && whose !== session.value.login) await forbid().catch(() => {});
}
