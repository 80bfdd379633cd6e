// What a page leaves at the edge of all others: the calls of the web phone. It is drawn by the frame once somebody has set it.
import { signal } from "../ui/h.js";

export const edge = signal(null);
