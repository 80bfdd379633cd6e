import { everyPage } from "./every-page.mjs";
import { hostile } from "./hostile.mjs";
import { keyboard } from "./keyboard.mjs";
import { ladder } from "./ladder.mjs";
import { phone } from "./phone.mjs";
import { signedOut } from "./signed-out.mjs";

export const scenarios = { everyPage, hostile, keyboard, ladder, phone, signedOut };
