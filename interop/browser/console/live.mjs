// What happens is shown as it happens; what is missed while the wire is cut comes when it is there again; and the page says
// which of both it is.
import { assert, none, visit } from "./visit.mjs";
import { wire } from "./wire.mjs";

export async function live(browser, options) {
  const between = await wire(options.url);
  const { page, faults, go, close } = await visit(browser, { ...options, url: between.url });
  const asked = [];
  page.on("request", (request) => { if (request.url().endsWith("/api/v1/events")) asked.push(request.headers()["last-event-id"] ?? ""); });
  const says = (text) => page.locator(".top .live", { hasText: text }).waitFor({ timeout: 60_000 });
  const accounts = async () => Number(await page.locator(".figures a[href='/accounts'] b").textContent());
  const grown = (to) => page.waitForFunction((wanted) => Number(document.querySelector(".figures a[href='/accounts'] b").textContent) === wanted, to, { timeout: 5_000 });
  const { csrf_token: token } = await (await page.request.get(`${options.url}/auth/session`)).json();
  const add = async (name) => {
    const answer = await page.request.post(`${options.url}/api/v1/accounts`, { headers: { "X-CSRF-Token": token, Origin: options.url }, data: { account: `${name}@${options.domain}` } });
    assert(answer.status() < 300, `${answer.status()} ${await answer.text()}`);
  };

  await go("/");
  await says(/^Live$/);
  const before = await accounts();
  // While it is live home asks for this twice a minute: within five seconds it was an event.
  await add("live1");
  await grown(before + 1);
  none(faults, "live");

  between.cut();
  await page.locator(".top .live.off").waitFor();
  await add("live2");
  const tries = asked.length;
  between.mend();
  await says(/^Live$/);
  assert(asked.length > tries && asked.at(-1) !== "", `who comes back names the last that he has heard: ${asked}`);
  await grown(before + 2);
  console.log(`events were asked for ${asked.length} times, at last behind ${asked.at(-1)}`);
  // A cut wire is said by the browser, too.
  none(faults.filter((fault) => !/net::ERR_/.test(fault)), "cut and mended");
  between.end();
  await close();
}
