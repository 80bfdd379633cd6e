// Which microphone, camera and loudspeaker: chosen by the person, kept in this browser.
import { signal } from "../ui/h.js";
import { store } from "../ui/store.js";

const KEPT = "coeur.phone.devices";
export const devices = signal([]);
const choice = signal(JSON.parse(store.getItem(KEPT) ?? "{}"));

/** The id of the chosen device, if it is here. */
export function chosen(kind) {
  const wanted = choice.value[kind];
  return devices.value.some((one) => one.kind === kind && one.deviceId === wanted) ? wanted : undefined;
}

export function choose(kind, id) {
  choice.value = { ...choice.value, [kind]: id };
  store.setItem(KEPT, JSON.stringify(choice.value));
}

export const microphone = () => ({ deviceId: chosen("audioinput"), echoCancellation: true, noiseSuppression: true, autoGainControl: true });

export async function look() {
  devices.value = navigator.mediaDevices ? (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.deviceId) : [];
}
navigator.mediaDevices?.addEventListener("devicechange", look);

/** Asks the person once, so that devices have names. `null` when it went well, else the name of the error. */
export async function permit() {
  if (!navigator.mediaDevices) return "insecure";
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
    await look();
    return null;
  } catch (error) {
    return error.name;
  }
}
