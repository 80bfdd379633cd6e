import { embed } from "./embed.mjs";
import { contacts } from "./contacts.mjs";
import { everyPage } from "./every-page.mjs";
import { hostile } from "./hostile.mjs";
import { imports } from "./imports.mjs";
import { keyboard } from "./keyboard.mjs";
import { ladder } from "./ladder.mjs";
import { live } from "./live.mjs";
import { manage } from "./manage.mjs";
import { mine } from "./mine.mjs";
import { numbers } from "./numbers.mjs";
import { phone } from "./phone.mjs";
import { pwa } from "./pwa.mjs";
import { records } from "./records.mjs";
import { signedOut } from "./signed-out.mjs";
import { three } from "./three.mjs";
import { woken } from "./woken.mjs";

export const scenarios = { contacts, embed, everyPage, hostile, imports, keyboard, ladder, live, manage, mine, numbers, phone, pwa, records, signedOut, three, woken };
