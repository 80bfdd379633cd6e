// Signs of our own, on a grid of 24. They say nothing alone: a text stands beside each, or is its name.
import { html } from "./h.js";

const SHAPES = {
  camera: ["M4 7h11v10H4z", "m15 11 5-3v8l-5-3"],
  microphone: ["M12 14a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3Z", "M6 11a6 6 0 0 0 12 0", "M12 17v4"],
  muted: ["M12 14a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3Z", "M6 11a6 6 0 0 0 12 0", "M12 17v4", "m4 4 16 16"],
  pause: ["M8 5v14", "M16 5v14"],
  heart: ["M12 20 4.6 12.4a4.7 4.7 0 0 1 6.65-6.65L12 6.5", "m12 20 7.4-7.6a4.7 4.7 0 0 0-6.65-6.65L9.2 9.3"],
  home: ["M4 11.5 12 5l8 6.5", "M6 10v9h12v-9", "M10 19v-5h4v5"],
  call: ["M5 4h4l1.5 4.5L8 10.5a11 11 0 0 0 5.5 5.5l2-2.5L20 15v4a1 1 0 0 1-1 1A15 15 0 0 1 4 5a1 1 0 0 1 1-1Z"],
  record: ["M5 5h14v14H5z", "M9 9h6", "M9 12h6", "M9 15h3"],
  people: ["M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z", "M3.5 19c.5-3 2.6-5 5.5-5s5 2 5.5 5", "M15.5 5.4a3 3 0 0 1 0 5.2", "M17 14.4c2 .6 3.2 2.3 3.5 4.6"],
  account: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z", "M4.5 20c.7-3.6 3.5-6 7.5-6s6.800 2.400 7.500 6"],
  phone: ["M7 3h10v18H7z", "M11 18h2"],
  signal: ["M4 19v-4", "M9 19v-7", "M14 19V9", "M19 19V5"],
  trace: ["M6 4v16", "M18 4v16", "M6 8h11", "m14 5 3 3-3 3", "M18 15H7", "m10 12-3 3 3 3"],
  audit: ["M12 3 5 6v5c0 4.500 3 8 7 10 4-2 7-5.500 7-10V6Z", "m9 12 2 2 4-4"],
  system: ["M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z", "M12 3v3", "M12 18v3", "m5.600 5.600 2.100 2.100", "m16.300 16.300 2.100 2.100", "M3 12h3", "M18 12h3", "m5.600 18.400 2.100-2.100", "m16.300 7.700 2.100-2.100"],
  plug: ["M9 3v5", "M15 3v5", "M6 8h12v3a6 6 0 0 1-12 0Z", "M12 17v4"],
  search: ["M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z", "m20 20-4-4"],
  help: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M9.500 9.500a2.500 2.500 0 1 1 3.600 2.300c-.8.4-1.100.9-1.100 1.700", "M12 16.500v.1"],
  sun: ["M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z", "M12 2v2", "M12 20v2", "M2 12h2", "M20 12h2", "m5 5 1.400 1.400", "m17.600 17.600 1.400 1.400", "m5 19 1.400-1.400", "m17.600 6.400 1.400-1.400"],
  moon: ["M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10Z"],
  auto: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M12 3v18", "M12 7h6", "M12 12h8.500", "M12 17h6"],
  menu: ["M4 7h16", "M4 12h16", "M4 17h16"],
  close: ["m6 6 12 12", "M18 6 6 18"],
  plus: ["M12 5v14", "M5 12h14"],
  copy: ["M9 9h10v10H9z", "M15 9V5H5v10h4"],
  check: ["m5 12.500 4.500 4.500L19 7.500"],
  warn: ["M12 4 2.800 19.500h18.400Z", "M12 10v4", "M12 16.800v.1"],
  info: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M12 11v5", "M12 8v.1"],
  lock: ["M6 11h12v9H6z", "M8.500 11V8a3.500 3.500 0 0 1 7 0v3"],
  unlock: ["M6 11h12v9H6z", "M8.500 11V7.500a3.500 3.500 0 0 1 6.700-1.400"],
  arrow: ["M5 12h13", "m13 7 5 5-5 5"],
  back: ["M19 12H6", "m11 7-5 5 5 5"],
  up: ["m7 14 5-5 5 5"],
  down: ["m7 10 5 5 5-5"],
  download: ["M12 4v11", "m7 11 5 5 5-5", "M5 20h14"],
  hangup: ["M4 14.500c0-4 4-6 8-6s8 2 8 6v1.500l-4-.5v-3a12 12 0 0 0-8 0v3l-4 .5Z"],
  tape: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z"],
  out: ["M10 5H5v14h5", "M9 12h11", "m16 8 4 4-4 4"],
  bin: ["M5 7h14", "M9 7V4h6v3", "M7 7l1 13h8l1-13", "M10.500 11v5", "M13.500 11v5"],
  table: ["M4 5h16v14H4z", "M4 10h16", "M10 10v9"],
  chart: ["M4 4v16h16", "m7 15 4-5 3 3 5-7"],
  globe: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z", "M3 12h18", "M12 3c3 3 3 15 0 18", "M12 3c-3 3-3 15 0 18"],
};

export function Icon({ name, size = 20, label, className }) {
  return html`<svg class=${className} width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" role=${label ? "img" : undefined}
    aria-label=${label} aria-hidden=${label ? undefined : "true"} focusable="false">
    ${(SHAPES[name] ?? []).map((shape, at) => html`<path d=${shape} stroke-opacity=${name === "heart" && at === 1 ? 0.55 : undefined} />`)}
  </svg>`;
}
