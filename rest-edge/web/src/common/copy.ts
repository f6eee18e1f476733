// Buttons that copy what stands beside them.

/** Copies a text, and says so on the button for a moment. */
export async function copy(text: string, button: HTMLButtonElement) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Pages that came over plain HTTP from another machine have no clipboard.
    button.textContent = "Not allowed";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

/** Gives each block of code within an element a button. */
export function addCopyButtons(within: ParentNode) {
  for (const block of within.querySelectorAll<HTMLElement>(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", () => copy(block.querySelector("pre")?.textContent ?? "", button));
    block.append(button);
  }
}
