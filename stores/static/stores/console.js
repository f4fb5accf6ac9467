/* unfold draws icons as words in a font and some buttons as such icons: here they get names, and keys that work. */
const NAMES = {
  add: "Add", arrow_back: "Back", close: "Close", dark_mode: "Dark", desktop_windows: "Looks", dock_to_right: "Menu",
  filter_list: "Filters", light_mode: "Light", menu: "Menu", more_vert: "More", search: "Search", unfold_more: "Account",
};

function nameOf(icon) {
  const word = icon.textContent.trim();
  return NAMES[word] || word.replaceAll("_", " ");
}

function makeButton(icon) {
  icon.setAttribute("role", "button");
  icon.setAttribute("tabindex", "0");
  icon.setAttribute("aria-label", nameOf(icon));
  icon.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    icon.click();
  });
}

function nameIcons(root) {
  for (const icon of root.querySelectorAll(".material-symbols-outlined:not([aria-hidden]):not([role])")) {
    const control = icon.closest("a, button, [role=button]");
    if (!control && icon.hasAttribute("x-on:click")) {
      makeButton(icon);
      continue;
    }
    if (control && control.textContent.trim() === icon.textContent.trim() && !control.ariaLabel && !control.title) {
      control.setAttribute("aria-label", nameOf(icon));
    }
    icon.setAttribute("aria-hidden", "true");
  }
}

document.addEventListener("DOMContentLoaded", () => nameIcons(document));
document.addEventListener("htmx:afterSwap", () => nameIcons(document));
