// What the tests of the playground share: the way in, and the parts of the page by what they are called.

/** The browser complains of every answer that is no success; the tests that provoke some name them by status. */
export function answered(...statuses) {
  return statuses.map((status) => new RegExp(`responded with a status of ${status}`));
}

/** Enters the token as a reader does. */
export async function enter(page, { token }) {
  await page.getByLabel("Token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await page.getByRole("list", { name: "What demo can do" }).waitFor();
}

export function message(page) {
  return page.getByRole("textbox", { name: "Your message" });
}

/** Says something, and gives the article of what comes of it. */
export async function say(page, text) {
  const before = await page.getByRole("article", { name: "Answer" }).count();
  await message(page).fill(text);
  await message(page).press("Enter");
  return page.getByRole("article", { name: "Answer" }).nth(before);
}

/** Waits for an answer that is complete, which is when its facts are told. */
export async function whole(answer) {
  await answer.getByText("Total", { exact: true }).waitFor();
  return answer;
}

export async function open(page, view) {
  await page.getByRole("navigation", { name: "Playground" }).getByRole("link", { name: view }).click();
}

/** Picks one of a few, at the label that is in sight. */
export async function pick(page, legend, choice) {
  await page.getByRole("group", { name: legend, exact: true }).getByText(choice, { exact: true }).click();
}

/** Opens the parameters, if they are not, and fills one in. */
export async function parameter(page, name, value) {
  const button = page.getByRole("button", { name: /^Parameters/ });
  if ((await button.getAttribute("aria-expanded")) !== "true") await button.click();
  await page.getByRole("complementary", { name: "Parameters" }).getByLabel(name, { exact: true }).fill(value);
}

/** What the page copied last. */
export function copied(page) {
  return page.evaluate(() => navigator.clipboard.readText());
}
