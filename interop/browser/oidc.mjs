// A certified OpenID provider (oidc-provider) with people of its own, and a browser that signs in at Coeur by it, for interop/tests/oidc.rs:
// `node oidc.mjs http://localhost:WEB /setup/TOKEN ISSUER_PORT CERTIFICATE KEY`. Each step is one line of JSON on standard output; the
// first that fails is the last.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";
import { SignJWT, decodeJwt, exportJWK, generateKeyPair, importJWK } from "jose";
import { chromium } from "playwright-core";

const [base, setup, port, certificate, key] = process.argv.slice(2);
const issuer = `https://localhost:${port}`;
const PASSWORD = "correct horse battery";
const SECRET = "a secret & more: %";
const done = (step, value = null) => console.log(JSON.stringify({ step, value }));
console.warn = console.info = console.error;

/** Who is known there, by `sub`. */
const people = {
  "sub-owner": { preferred_username: "boss", name: "The Boss", groups: [] },
  "sub-carol": { preferred_username: "carol", name: "Carol C.", email: "carol@example.org", email_verified: true, groups: ["phones"] },
  "sub-stranger": { preferred_username: "stranger", groups: ["others"] },
  "sub-taken": { preferred_username: "owner", groups: ["phones"] },
};

async function newKey(kid) {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: "sig", alg: "RS256" };
}

/** What is to be wrong with the next ID token, which is signed with the provider's own key unless that is what is wrong. */
let fault = null;
const faults = {
  audience: (claims) => ({ ...claims, aud: "another" }),
  nonce: (claims) => ({ ...claims, nonce: "of-another-sign-in" }),
  expired: (claims) => ({ ...claims, iat: claims.iat - 7_200, exp: claims.iat - 3_600 }),
  issuer: (claims) => ({ ...claims, iss: "https://evil.example" }),
  key: (claims) => claims,
};

function provider(jwk) {
  const made = new Provider(issuer, {
    clients: [{
      client_id: "coeur", client_secret: SECRET, redirect_uris: [`${base}/auth/oidc/callback`],
      post_logout_redirect_uris: [`${base}/sign-in`], backchannel_logout_uri: `${base}/auth/oidc/logout`,
    }],
    claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email", "email_verified"] },
    features: { backchannelLogout: { enabled: true } },
    findAccount: (_, id) => (people[id] ? { accountId: id, claims: () => ({ sub: id, ...people[id] }) } : undefined),
    cookies: { keys: ["of the test"] },
    pkce: { required: () => true },
    // By itself it tells nobody at an address of its own machine.
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
    jwks: { keys: [jwk] },
  });
  made.on("server_error", (_, why) => console.error(why));
  made.on("backchannel.error", (_, why) => console.error(why));
  made.use(async (ctx, next) => {
    await next();
    if (ctx.path !== "/token" || !fault || !ctx.body?.id_token) return;
    const wrong = faults[fault](decodeJwt(ctx.body.id_token));
    const by = fault === "key" ? await newKey(jwk.kid) : jwk;
    fault = null;
    ctx.body.id_token = await new SignJWT(wrong).setProtectedHeader({ alg: "RS256", kid: jwk.kid }).sign(await importJWK(by, "RS256"));
  });
  return made.callback();
}

let answer = provider(await newKey("first"));
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (...both) => answer(...both));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page of a browser of its own, which asks nobody else: the provider's pages want letters from far away. */
async function open(locale = "en") {
  const context = await browser.newContext({ locale, ignoreHTTPSErrors: true });
  await context.route((url) => url.hostname !== "localhost", (route) => route.abort());
  return context.newPage();
}

async function who(page) {
  const answer = await page.request.get(`${base}/auth/session`);
  return answer.ok() ? answer.json() : { status: answer.status() };
}

/** Through the pages of the provider, until we are back; signs in as this one where it asks who one is. */
async function through(page, as) {
  for (let steps = 0; page.url().startsWith(issuer); steps++) {
    if (steps > 5) throw new Error(`still at ${page.url()}`);
    const login = page.locator('input[name="login"]');
    if (await login.count()) {
      await login.fill(as);
      await page.locator('input[name="password"]').fill("anything");
    }
    const before = page.url();
    await page.locator('button[type="submit"]').first().click();
    await page.waitForURL((url) => url.href !== before);
  }
}

/** From our sign-in page there and back. */
async function signIn(page, as, next = "/auth/security") {
  await page.goto(`${base}/sign-in?next=${next}`);
  await page.getByRole("link", { name: "Sign in with" }).click();
  await through(page, as);
}

const told = async (page) => page.getByRole("alert").innerText();

try {
  const page = await open();
  await page.goto(base + setup);
  await page.getByLabel("Your name").fill("The Owner");
  await page.getByLabel("Login").fill("owner");
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByLabel("The password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Begin" }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/setup"));

  const away = await open();
  await away.goto(`${base}/auth/oidc`);
  done("provider away", await told(away));
  await new Promise((ready) => server.listen(port, "127.0.0.1", ready));

  // An account is linked by who has both, and opens the same user from then on.
  await page.goto(`${base}/auth/oidc?add=true&next=/auth/security`);
  await through(page, "sub-owner");
  done("linked", new URL(page.url()).pathname);
  const owner = await open();
  await signIn(owner, "sub-owner");
  const { login, role, signed_in_by } = await who(owner);
  done("owner", [login, role, signed_in_by]);

  // Who comes first becomes a user, with the role of his group; what he is called is asked for, since the ID token does not say it.
  const carol = await open();
  await signIn(carol, "sub-carol");
  done("carol", [(await who(carol)).login, (await who(carol)).role]);
  people["sub-carol"] = { ...people["sub-carol"], preferred_username: "caroline", groups: ["audit"] };
  const later = await open();
  await signIn(later, "sub-carol");
  done("carol with other groups", [(await who(later)).login, (await who(later)).role]);

  // Who proves himself once more is fresh.
  await later.goto(`${base}/auth/oidc?again=true&next=/auth/security`);
  done("asked again", await later.locator('input[name="login"]').count());
  await through(later, "sub-carol");
  done("fresh", Date.parse((await who(later)).fresh_until) > Date.now());

  for (const refused of ["sub-stranger", "sub-taken"]) {
    const page = await open();
    await signIn(page, refused);
    done(refused, [await told(page), (await who(page)).status]);
  }
  const stopped = await open();
  await stopped.goto(`${base}/auth/oidc`);
  await stopped.getByText("Cancel").click();
  await stopped.waitForURL((url) => url.href.startsWith(base));
  done("stopped", await told(stopped));

  for (const kind of Object.keys(faults)) {
    const page = await open();
    fault = kind;
    await signIn(page, "sub-carol");
    done(kind, [await told(page), (await who(page)).status]);
  }
  const french = await open("fr");
  fault = "nonce";
  await french.goto(`${base}/auth/oidc`);
  await through(french, "sub-carol");
  done("in French", await told(french));

  // Other keys from one moment to the next.
  answer = provider(await newKey("second"));
  const rotated = await open();
  await signIn(rotated, "sub-carol");
  done("other keys", (await who(rotated)).login);

  // Signing out there ends what was begun by it, in each browser; who has a password stays.
  await rotated.goto(`${issuer}/session/end`);
  await rotated.locator('button[value="yes"]').click();
  await rotated.waitForURL((url) => url.pathname.endsWith("/success"));
  done("signed out there", [(await who(rotated)).status, (await who(later)).status, (await who(page)).login]);

  // Signing out here, and then there too.
  await signIn(rotated, "sub-carol");
  await rotated.getByRole("button", { name: "Sign out", exact: true }).click();
  await rotated.waitForURL(`${base}/sign-in?left=true`);
  await rotated.getByRole("link", { name: "Sign out too" }).click();
  await rotated.locator('button[value="yes"]').click();
  await rotated.waitForURL((url) => url.href.startsWith(`${base}/sign-in`));
  await rotated.goto(`${base}/auth/oidc`);
  done("signed out of both", await rotated.locator('input[name="login"]').count());
} catch (why) {
  done("failed", String(why.stack ?? why));
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
