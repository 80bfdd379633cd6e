// The page that a browser has kept for when there is no network: it goes as soon as the server is heard again.
const AGAIN_MS = 5_000;

const again = async () => {
  try {
    if ((await fetch("/manifest.webmanifest", { cache: "no-store" })).ok) location.reload();
  } catch { /* Still away. */ }
};
addEventListener("online", again);
setInterval(again, AGAIN_MS);
document.documentElement.lang = navigator.language.startsWith("fr") ? "fr" : "en";
