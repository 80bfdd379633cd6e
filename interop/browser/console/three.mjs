// Three web phones: a call with pictures, one that is passed on without asking, one that is passed on after asking.
import { join } from "node:path";
import { accessible, assert, look, none, visit } from "./visit.mjs";
import { answer, assertHeard, card, dial, gone, hangUp, openPhone, sees } from "./line.mjs";

export async function three(browser, options) {
  const { context, page, faults, close } = await visit(browser, options);
  await context.grantPermissions(["microphone", "camera"], { origin: options.url });
  const [alice, bob, carol] = [page, await context.newPage(), await context.newPage()];
  const tabs = [alice, bob, carol];
  const names = options.accounts.map((account) => account.split("@")[0]);
  const said = [];
  for (const [at, tab] of tabs.entries()) {
    tab.on("pageerror", (error) => said.push(`${names[at]}: ${error.stack}`));
    await openPhone(tab, options, options.accounts[at]);
  }

  await dial(alice, names[1], { video: true });
  await answer(bob, "Answer with video");
  await card(alice, names[1]).and(alice.locator(".talking")).waitFor();
  const seen = await Promise.all([alice, bob].map(sees));
  assert(seen.every(Boolean), `pictures were seen: ${seen}`);
  await assertHeard([alice, bob], "heard beside the pictures");
  if (options.pictures) await alice.screenshot({ path: join(options.pictures, "phone-video.png") });
  faults.push(...await accessible(alice));
  await hangUp(alice);
  await Promise.all([alice, bob].map(gone));
  console.log("a call with pictures both ways");

  const pass = async (to) => {
    await alice.getByRole("button", { name: "Transfer", exact: true }).first().click();
    await to(alice.locator(".callcard form"));
    await alice.locator(".callcard form").getByRole("button", { name: "Transfer" }).click();
  };
  // Without asking: bob calls alice, who sends him to carol.
  await dial(bob, names[0]);
  await answer(alice);
  await assertHeard([alice, bob], "before it is passed on");
  await pass((form) => form.getByLabel("Name, number or address").fill(names[2]));
  await answer(carol);
  await gone(alice);
  await assertHeard([bob, carol], "bob and carol hear each other");
  await hangUp(carol);
  await Promise.all([bob, carol].map(gone));
  console.log("passed on without asking");

  // After asking: bob waits while alice talks with carol, then the two are joined.
  await dial(bob, names[0]);
  await answer(alice);
  await assertHeard([alice, bob], "before the question");
  await dial(alice, names[2]);
  await answer(carol);
  await card(bob, names[0]).and(bob.locator(".waiting")).waitFor();
  await assertHeard([alice, carol], "the question");
  const held = card(alice, names[1]);
  await held.getByRole("button", { name: "Transfer", exact: true }).click();
  await held.locator("form select").selectOption({ label: names[2] });
  await held.locator("form").getByRole("button", { name: "Transfer" }).click();
  await gone(alice);
  await assertHeard([bob, carol], "joined, bob and carol hear each other");
  await hangUp(bob);
  await Promise.all([bob, carol].map(gone));
  console.log("passed on after asking");
  for (const tab of tabs) await look(tab, faults);
  none([...faults, ...said], "three phones");
  await close();
}
