// Signs in as a person does, for interop/tests/signin.rs: `node signin.mjs http://localhost:PORT /setup/TOKEN`. Each step is one
// line of JSON on standard output; the first that fails is the last.
import { chromium } from "playwright-core";

const [base, setup] = process.argv.slice(2);
const PASSWORD = "correct horse battery";
const done = (step, value = null) => console.log(JSON.stringify({ step, value }));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page of a browser of its own; whatever its policy refuses, or a script of it throws, is an error. */
async function open(options) {
  const page = await (await browser.newContext({ locale: "en", ...options })).newPage();
  page.on("pageerror", (why) => { throw why; });
  page.on("console", (line) => { if (line.text().includes("Content Security Policy")) throw new Error(line.text()); });
  return page;
}

async function who(page) {
  return (await page.request.get(`${base}/auth/session`)).json();
}

async function withPassword(page) {
  await page.goto(`${base}/sign-in?next=/auth/security`);
  await page.getByLabel("Login").fill("owner");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${base}/auth/security`);
}

try {
  // The first owner, without any script.
  const plain = await open({ javaScriptEnabled: false });
  await plain.goto(base + setup);
  await plain.getByLabel("Your name").fill("The Owner");
  await plain.getByLabel("Login").fill("owner");
  await plain.getByLabel("New password").fill(PASSWORD);
  await plain.getByLabel("The password again").fill(PASSWORD);
  await plain.getByRole("button", { name: "Begin" }).click();
  done("setup", (await who(plain)).role);
  const again = await plain.request.get(base + setup);
  done("setup again", again.status());
  await withPassword(plain);
  done("without script", (await who(plain)).signed_in_by);

  // A passkey, by a virtual authenticator of the browser.
  const page = await open({});
  await withPassword(page);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  } });
  await page.getByLabel("What you call it").fill("my phone");
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "Add a passkey" }).click()]);
  await page.getByText("my phone").waitFor();
  done("passkey added", (await who(page)).factors.passkeys);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${base}/sign-in`);
  done("signed out", (await page.request.get(`${base}/auth/session`)).status());
  await page.goto(`${base}/sign-in?next=/auth/security`);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForURL(`${base}/auth/security`);
  done("by passkey", (await who(page)).signed_in_by);

  // One who is there and is not verified opens nothing.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${base}/sign-in`);
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.locator("#passkey-told").filter({ hasText: /\S/ }).waitFor({ timeout: 90_000 });
  done("not verified", (await page.request.get(`${base}/auth/session`)).status());
  if (process.env.PICTURE) await page.screenshot({ path: process.env.PICTURE });
} catch (why) {
  done("failed", String(why.stack ?? why));
  process.exitCode = 1;
} finally {
  await browser.close();
}
