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
    else if (control?.matches("a:not([href])")) makeButton(control, control.textContent.replace(icon.textContent, "").trim());
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

/* Browsers look for the element to begin at while the page is still hidden, when nothing can have the focus. */
function beginAtAutofocus() {
  if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
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

/* unfold writes the name of a chosen file into a text field beside it, whether there is one or not. */
function spareFileName(event) {
  const input = event.target;
  if (input.type === "file" && !input.parentNode.parentNode.parentNode.querySelector("input[type=text]"))
    event.stopImmediatePropagation();
}

document.addEventListener("change", spareFileName, true);

/* Selected as well: where a browser does not let pages copy, Ctrl+C does. */
async function copyText(event) {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const text = button.previousElementSibling;
  getSelection().selectAllChildren(text);
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  }
}

/* Who enters a time means it. */
function chooseTime(event) {
  const input = event.target;
  if (input.name === "at" && input.value) input.closest("li").querySelector("input[type=radio]").checked = true;
}

function timeLeft(seconds) {
  if (seconds <= 0) return "within a minute";
  const minutes = Math.max(1, Math.floor(seconds / 60));
  const parts = [[Math.floor(minutes / 1440), "day"], [Math.floor(minutes / 60) % 24, "hour"], [minutes % 60, "minute"]];
  const named = parts.filter(([count]) => count).slice(0, 2);
  return "in " + named.map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`).join(", ");
}

function countDown() {
  for (const shown of document.querySelectorAll("time[data-until]"))
    shown.textContent = timeLeft((new Date(shown.dateTime) - Date.now()) / 1000);
}

setInterval(countDown, 15000);
document.addEventListener("input", chooseTime);
document.addEventListener("click", copyText);
document.addEventListener("DOMContentLoaded", () => nameIcons(document));
document.addEventListener("DOMContentLoaded", addSkipLink);
addEventListener("load", beginAtAutofocus);
document.addEventListener("htmx:afterSwap", () => nameIcons(document));
document.addEventListener("htmx:beforeSwap", spareClickAndFocus);
document.addEventListener("htmx:afterSwap", giveFocusBack);
