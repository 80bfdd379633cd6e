// A web phone in a tab, by what a person sees of it.
import { assert } from "./visit.mjs";

/** `tab` opens the phone of `account`, which is chosen where the person has none of his own. */
export async function openPhone(tab, { url }, account) {
  await tab.goto(`${url}/phone?account=${encodeURIComponent(account)}`);
  await tab.locator(".page-head .live:not(.off)").waitFor();
}

export async function dial(tab, to, { video = false } = {}) {
  await tab.getByLabel("Name, number or address").first().fill(to);
  await tab.getByRole("button", { name: video ? "With video" : "Call", exact: true }).click();
}

/** The card of the call with `who`. */
export const card = (tab, who) => tab.locator(".callcard", { hasText: who });

export const answer = (tab, name = "Answer") => tab.getByRole("button", { name, exact: true }).click();

/** Sound that arrives in this tab: energy in each stream that is played. `of` counts those that must be heard. */
export function hears(tab) {
  return tab.waitForFunction(async () => {
    const stream = [...document.querySelectorAll(".callcard.talking audio")].map((one) => one.srcObject).find(Boolean);
    if (!stream) return false;
    window.context ??= new AudioContext();
    const analyser = window.context.createAnalyser();
    window.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    for (let at = 0; at < 40; at += 1) {
      await new Promise((done) => { setTimeout(done, 50); });
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
    }
    return false;
  }, null, { timeout: 30_000 }).then(() => true, () => false);
}

/** Pictures that come and change: frames that the large picture has shown. */
export async function sees(tab) {
  const frames = () => tab.evaluate(() => document.querySelector(".pictures video:not(.mine)")?.getVideoPlaybackQuality().totalVideoFrames ?? 0);
  for (let tries = 0; tries < 200; tries += 1) {
    if (await frames() > 20) return true;
    await new Promise((done) => { setTimeout(done, 100); });
  }
  return false;
}

export async function hangUp(tab) {
  await tab.getByRole("button", { name: "Hang up" }).first().click();
}

export const gone = (tab) => tab.waitForFunction(() => !document.querySelector(".callcard"), null, { timeout: 20_000 });

export const assertHeard = async (tabs, what) => assert((await Promise.all(tabs.map(hears))).every(Boolean), what);
