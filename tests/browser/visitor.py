"""Somebody at a browser: opens pages, presses what stands there, and writes down whatever the browser complains of."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Locator, Page, Response, WebError

from tests.support.console.people import give_role

PASSWORD = "a-good-long-password"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# Does the page scroll sideways? Whatever sticks out is named.
STICKS_OUT = """() => {
  const root = document.documentElement, width = root.clientWidth;
  if (root.scrollWidth <= width) return [];
  return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1)
    .slice(0, 5).map(e => e.outerHTML.slice(0, 160));
}"""

# Tables that are wider than their place, so that their last columns are cut until somebody moves them.
CUT = """() => [...document.querySelectorAll('table')].flatMap(table => {
  for (let place = table.parentElement; place && place !== document.body; place = place.parentElement) {
    const overflow = getComputedStyle(place).overflowX;
    if (overflow === 'visible') continue;
    const excess = place.scrollWidth - place.clientWidth;
    return excess > 1 ? [`${excess} px of ${table.id || table.className.slice(0, 80)}`] : [];
  }
  return [];
})"""


@dataclass
class Visitor:
    """One person with a browser of their own. `complaints` must be empty at the end of each test."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    refusals: set[int] = field(default_factory=set)
    clicks: int = 0  # and lines sent by Enter, since whoever counts them set it to 0

    def __post_init__(self) -> None:
        self.context.on("console", self._hear)
        self.context.on("weberror", self._catch)
        self.context.on("response", self._judge)

    def _hear(self, message: ConsoleMessage) -> None:
        # A refused page is in the console, too; `_judge` knows whether it was expected.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _catch(self, error: WebError) -> None:
        self.complaints.append(f"{self.page.url}: {error.error}")

    def _judge(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.refusals:
            self.complaints.append(f"{response.status} for {response.url}")
        if urlsplit(response.url).hostname not in ("127.0.0.1", "localhost"):
            self.complaints.append(f"{self.page.url} loads {response.url}")

    def expect(self, *statuses: int) -> None:
        """From here on pages with these statuses are what the test wants."""
        self.refusals.update(statuses)

    # Signing in

    def become(self, user: User) -> None:
        """Be signed in as a user, without the sign-in page."""
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        cookies = [{"name": name, "value": morsel.value, "url": self.url} for name, morsel in client.cookies.items()]
        self.context.add_cookies(cookies)

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Through the sign-in page."""
        self.open("/admin/login/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")
        self.page.wait_for_url(lambda url: "/login/" not in url)

    # Looking and doing, by what a person reads

    def open(self, path: str) -> Page:
        """A page by its address."""
        self.page.goto(self.url + path if path.startswith("/") else path)
        return self.page

    def follow(self, text: str, within: Locator | None = None) -> None:
        """Click a link of the page, not of the menu, by the words that it begins with."""
        place = within or self.page.locator("#main")
        self.clicks += 1
        place.get_by_role("link", name=re.compile(rf"^{re.escape(text)}")).first.click()

    def choose(self, title: str) -> None:
        """Go to a list by its line in the menu, unfolding the part that it stands in."""
        line = self.line(title)
        if not line.is_visible():
            self.page.locator("#nav-sidebar summary").last.click()
            self.clicks += 1
        self.clicks += 1
        line.click()

    def search(self, words: str) -> None:
        """What a list's search finds."""
        self.clicks += 1
        self.page.locator("#searchbar").fill(words)
        self.page.locator("#searchbar").press("Enter")

    def find(self, words: str) -> None:
        """What the box in the header finds, on any page."""
        self.clicks += 1
        box = self.page.get_by_role("searchbox", name="Search everything").first
        box.fill(words)
        box.press("Enter")

    def press(self, text: str, within: Locator | None = None) -> None:
        """Click a button by its words."""
        self.clicks += 1
        (within or self.page).get_by_role("button", name=text, exact=True).first.click()

    def line(self, title: str) -> Locator:
        """The menu's link to a list. How many rows want attention may stand behind its title."""
        return self.page.locator("#nav-sidebar").get_by_role(
            "link", name=re.compile(rf"^{re.escape(title)}(\s\d+\+?)?$")
        )

    def choice(self, title: str) -> Locator:
        """The last row of the partner picker with these words that can be linked: below the suggestions, what a search
        found. What it found in the source follows, but that is no partner and has no button.
        """
        button = self.page.get_by_role("button", name="Link", exact=True)
        return self.page.locator("#picker").get_by_role("row", name=title).filter(has=button).last

    def card(self, heading: str) -> Locator:
        """The part of the page under a heading."""
        return self.page.locator("section").filter(has=self.page.get_by_role("heading", name=heading)).first

    def text(self) -> str:
        """Where one is and what stands there, without the menu; why not, where the page does not answer."""
        try:
            return f"{self.page.url}\n{self.page.locator('#main').inner_text(timeout=1000)}"
        except Error as error:
            return f"{self.page.url}: {error}"

    def sticks_out(self) -> list[str]:
        """What makes the page scroll sideways; nothing on a page that fits."""
        return self.page.evaluate(STICKS_OUT)

    def cut_tables(self) -> list[str]:
        """Tables whose last columns do not fit on the page as wide as it is, each with how much is cut."""
        return self.page.evaluate(CUT)


def make_user(name: str, role: str = "") -> User:
    """A member of a role, or a superuser, whose password is PASSWORD."""
    if not role:
        return User.objects.create_superuser(name, f"{name}@example.com", PASSWORD)
    user = User.objects.create_user(name, f"{name}@example.com", PASSWORD, is_staff=True)
    give_role(user, role)
    return user
