"""Somebody who has nothing but a keyboard."""

from playwright.sync_api import Locator, expect

from tests.browser.visitor import Visitor

MOST_TABS = 120
# Is the focus where it is wanted, and which element has it without showing it?
FOCUS = """wanted => {
  const focused = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(focused);
  const isSeen = outlineStyle !== "none" && outlineWidth !== "0px";
  const isNone = focused === document.body || !focused.checkVisibility({visibilityProperty: true});
  return [focused === wanted, isNone || isSeen ? "" : focused.outerHTML];
}"""


class Keys:
    """Tab, Enter and what is typed. `pressed` counts them, a word that is typed as one."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page
        self.pressed = 0

    def _press(self, key: str) -> None:
        self.pressed += 1
        self.page.keyboard.press(key)

    def go_to(self, wanted: Locator) -> None:
        """Press Tab until it is reached. Where one is must be visible at every stop."""
        wanted.wait_for()
        for _ in range(MOST_TABS):
            is_there, unseen = wanted.evaluate(FOCUS)
            assert not unseen, f"no visible focus: {unseen}"
            if is_there:
                return
            self._press("Tab")
        raise AssertionError(f"Tab never reaches {wanted}")

    def enter(self) -> None:
        self._press("Enter")

    def type(self, words: str) -> None:
        self.pressed += 1
        self.page.keyboard.type(words)

    def skip_menu(self) -> None:
        """The first stop of a page jumps over its menu."""
        self.page.locator("body").evaluate("() => document.activeElement.blur()")
        self._press("Tab")
        expect(self.page.get_by_role("link", name="Skip to content")).to_be_focused()
        self.enter()
        self._press("Tab")
        assert self.page.evaluate("() => document.querySelector('#content').contains(document.activeElement)")
