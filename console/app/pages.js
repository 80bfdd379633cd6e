// Every page: its address, its sign, and the module that draws it, which is loaded when it is first wanted. The server
// answers these addresses with the same document; one without a group is reached from another page (`PAGES` in crates/api/src/console/mod.rs).
export const PAGES = [
  { name: "home", path: "/", icon: "home", group: "now", load: () => import("./pages/home.js") },
  { name: "phone", path: "/phone", icon: "phone", group: "now", isOwn: true, load: () => import("./pages/phone.js") },
  { name: "mine", path: "/mine", icon: "account", group: "now", isOwn: true, load: () => import("./pages/mine.js") },
  { name: "contacts", path: "/contacts", icon: "book", group: "now", isOwn: true, load: () => import("./pages/contacts.js") },
  { name: "calls", path: "/calls", icon: "call", group: "now", load: () => import("./pages/calls.js") },
  { name: "registrations", path: "/registrations", icon: "signal", group: "now", load: () => import("./pages/registrations.js") },
  { name: "records", path: "/records", icon: "record", group: "past", load: () => import("./pages/records.js") },
  { name: "quality", path: "/quality", icon: "chart", group: "past", load: () => import("./pages/quality.js") },
  { name: "traces", path: "/traces", icon: "trace", group: "past", load: () => import("./pages/traces.js") },
  { name: "audit", path: "/audit", icon: "audit", group: "past", load: () => import("./pages/audit.js") },
  { name: "users", path: "/users", icon: "people", group: "manage", load: () => import("./pages/users.js") },
  { name: "import", path: "/import", icon: "people", load: () => import("./pages/import.js") },
  { name: "accounts", path: "/accounts", icon: "account", group: "manage", load: () => import("./pages/accounts.js") },
  { name: "numbers", path: "/numbers", icon: "hash", group: "manage", load: () => import("./pages/numbers.js") },
  { name: "phones", path: "/phones", icon: "phone", group: "manage", load: () => import("./pages/phones.js") },
  { name: "developers", path: "/developers", icon: "plug", group: "manage", load: () => import("./pages/developers.js") },
  { name: "system", path: "/system", icon: "system", group: "manage", load: () => import("./pages/system.js") },
];

/** Who has no part in the administration sees what is his own; what others may not see says so itself. */
export const pagesOf = (role) => role === "user" ? PAGES.filter((page) => page.isOwn) : PAGES;

/** Below these one thing is shown, whose name is the rest of the address. */
const DETAILS = {
  calls: () => import("./pages/call.js"),
  records: () => import("./pages/call.js"),
  users: () => import("./pages/user.js"),
  accounts: () => import("./pages/account.js"),
  traces: () => import("./pages/trace.js"),
};

/** The page of an address, and the name of what it shows; `undefined` where there is none. */
export function find(path) {
  const [, first, ...rest] = path.split("/");
  const page = PAGES.find((one) => one.path === `/${first}`);
  const id = rest.join("/");
  if (!page || (id && !DETAILS[page.name])) return undefined;
  return { page, id: decode(id), load: id ? DETAILS[page.name] : page.load };
}

/** Nobody is stopped by an address that is not well written. */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const isPage = (path) => find(path) !== undefined;
