// What stays of the console in a browser: files of this build, a page for when there is no network, and the call that
// wakes the phone (docs/decisions/0066). Nothing of the API is ever kept, nor any page that was answered.
const PLACE = "/assets/-/";
/** By the name of the build: what another build has left is thrown away, so that two are never mixed. */
const KEPT = `coeur${PLACE}`;
const OFFLINE = `${PLACE}offline.html`;
const FIRST = [OFFLINE, ...["mark.svg", "icons/192.png", "styles/tokens.css", "styles/base.css", "styles/parts.css", "app/offline.js", "vendor/figtree.woff2"].map((name) => PLACE + name)];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FIRST)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/api/")) return;
  if (url.pathname.startsWith(PLACE)) event.respondWith(kept(request));
  else if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
});

/** A file of this build never changes. */
async function kept(request) {
  const cache = await caches.open(KEPT);
  const found = await cache.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

/** The server wakes the phone and says for whom; who calls is told to the page when it has registered (docs/push.md). */
addEventListener("push", (event) => {
  let told = {};
  try { told = event.data.json(); } catch { /* A push without words wakes all the same. */ }
  event.waitUntil(wake(told));
});

async function wake({ reason, account, uuid }) {
  const open = await clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const one of open) one.postMessage({ woken: reason ?? "call", account });
  if (reason === "refresh" && open.length > 0) return;
  const words = await texts();
  const kind = ["call", "message"].includes(reason) ? reason : "refresh";
  await registration.showNotification(words[`push.${kind}`], {
    body: account ?? "", tag: uuid ?? kind, icon: `${PLACE}icons/192.png`, requireInteraction: kind === "call", data: { account },
  });
}

async function texts() {
  const name = navigator.language.startsWith("fr") ? "fr" : "en";
  return (await kept(new Request(`${PLACE}i18n/${name}.json`))).json();
}

/** To the phone: the page that is open, else a new one. */
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const open = await clients.matchAll({ type: "window", includeUncontrolled: true });
    const found = open.find((one) => new URL(one.url).pathname.startsWith("/phone")) ?? open[0];
    if (found) return found.focus();
    const { account } = event.notification.data ?? {};
    return clients.openWindow(account ? `/phone?account=${encodeURIComponent(account)}` : "/phone");
  })());
});
