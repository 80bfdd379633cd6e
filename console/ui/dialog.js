// A question above the page. The browser keeps the focus inside, and gives it back.
import { html, useEffect, useRef, useId } from "./h.js";

export function Dialog({ title, onClose, children, className = "dialog" }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  const outside = (event) => { if (event.target === element.current) onClose(); };
  return html`<dialog ref=${element} class=${className} aria-labelledby=${id} onClick=${outside}
    onCancel=${(event) => { event.preventDefault(); onClose(); }}><div><h2 id=${id}>${title}</h2>${children}</div></dialog>`;
}
