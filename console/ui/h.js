// What every module draws with: HTML in templates, state in signals. `html` escapes whatever is put into it; nothing in
// the console ever sets HTML from a string.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { render, Fragment } from "../vendor/preact.js";
export { useEffect, useLayoutEffect, useMemo, useRef, useState, useCallback, useId, useErrorBoundary } from "../vendor/hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed } from "../vendor/signals.js";

/** The class names of an object whose values hold, and those given as text. */
export function names(...parts) {
  return parts.flatMap((part) => typeof part === "object" && part
    ? Object.keys(part).filter((name) => part[name])
    : part ? [part] : []).join(" ");
}
