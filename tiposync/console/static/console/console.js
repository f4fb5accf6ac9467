/* unfold draws icons as words in a font and some buttons as such icons: here they get names, and keys that work. */
const NAMES = {
  add: "Add", arrow_back: "Back", close: "Close", dark_mode: "Light or dark", computer: "Light or dark", dock_to_right: "Menu",
  filter_list: "Filters", light_mode: "Light or dark", menu: "Menu", more_vert: "More", search: "Search", unfold_more: "Account",
};

function nameOf(icon) {
  const word = icon.textContent.trim();
  return NAMES[word] || word.replaceAll("_", " ");
}

function makeButton(control, name) {
  control.setAttribute("role", "button");
  control.setAttribute("tabindex", "0");
  control.setAttribute("aria-label", name);
  control.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    control.click();
  });
}

function nameIcons(root) {
  for (const icon of root.querySelectorAll(".material-symbols-outlined:not([aria-hidden]):not([role])")) {
    const control = icon.closest("a, button, [role=button]");
    const isAlone = control && control.textContent.trim() === icon.textContent.trim();
    if (!control && icon.hasAttribute("x-on:click")) {
      makeButton(icon, nameOf(icon));
      continue;
    }
    if (isAlone && control.matches("a:not([href])")) makeButton(control, nameOf(icon));
    else if (isAlone && !control.ariaLabel && !control.title) control.setAttribute("aria-label", nameOf(icon));
    icon.setAttribute("aria-hidden", "true");
  }
}

/* The menu comes before the page, on every page: whoever works by keyboard can jump over it. */
function addSkipLink() {
  const content = document.getElementById("content");
  if (!content) return;
  content.setAttribute("tabindex", "-1");
  const link = Object.assign(document.createElement("a"), { href: "#content", textContent: "Skip to content" });
  link.className = "console-skip";
  document.body.prepend(link);
}

/* A part that is fetched again replaces its buttons and links: a click that began on one of them would be lost, and so
   would the focus (htmx keeps it where there is an id). */
let focused = null;

function spareClickAndFocus(event) {
  const part = event.target, link = document.activeElement;
  if (part.matches(":active")) event.detail.shouldSwap = false;
  focused = part.id && part.contains(link) && link.matches("a[href]") ? [part.id, link.href] : null;
}

function giveFocusBack() {
  if (!focused) return;
  const [id, href] = focused;
  focused = null;
  [...document.querySelectorAll(`#${id} a[href]`)].find((link) => link.href === href)?.focus();
}

document.addEventListener("DOMContentLoaded", () => nameIcons(document));
document.addEventListener("DOMContentLoaded", addSkipLink);
document.addEventListener("htmx:afterSwap", () => nameIcons(document));
document.addEventListener("htmx:beforeSwap", spareClickAndFocus);
document.addEventListener("htmx:afterSwap", giveFocusBack);
