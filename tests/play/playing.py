"""The playground in a browser, and what a reader does with it."""

from urllib.parse import urlencode

READY = "#page[data-version]"


def address(file, **words):
    """The file's address with a state; dots in keys are written as two underlines."""
    if not words:
        return file.as_uri()
    named = {key.replace("__", "."): value for key, value in words.items()}
    return f"{file.as_uri()}#{urlencode({'v': 1} | named)}"


class Played:
    """A page with the playground."""

    def __init__(self, page, file):
        self.page, self.file = page, file

    def at(self, **words):
        """In a state, as if its address had been put in; itself, for chains."""
        target = address(self.file, **words)
        if not self.page.url.startswith(self.file.as_uri()):
            self.page.goto(target)
            self.page.wait_for_selector(READY)
            return self
        for part in (f"v=1&seed={2**32 - 1}", target.partition("#")[2] or "v=1"):
            self.changed(lambda part=part: self.page.evaluate("p => { location.hash = p; }", part))
        return self

    def reopen(self):
        """The address as it is now, in a page that knows nothing else."""
        address = self.page.url
        self.page.goto("about:blank")
        self.page.goto(address)
        self.page.wait_for_selector(READY)

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).first.click()
        return self

    def choose(self, label, value):
        self.changed(lambda: self.page.get_by_label(label, exact=True).first.select_option(value))
        return self

    def put(self, label, value):
        """Writes a number and leaves the field."""
        field = self.page.get_by_label(label, exact=True).first
        field.fill(str(value))
        self.changed(lambda: field.press("Tab"))
        return self

    def changed(self, act):
        """Does something, and waits until the networks were made anew."""
        before = self.page.locator("#page").get_attribute("data-version")
        act()
        self.page.wait_for_selector(f'#page[data-version]:not([data-version="{before}"])')
        return self

    def until(self, step):
        self.page.wait_for_selector(f'#page[data-step="{step}"]')
        return self

    def past(self, step):
        """Waits; the page's policy forbids to wait for a function."""
        while self.step <= step:
            self.page.wait_for_timeout(20)
        return self

    @property
    def step(self):
        return int(self.page.locator("#page").get_attribute("data-step"))

    def steps(self, count):
        for _ in range(count):
            self.press("One step")
        return self.until(count)

    def text(self, selector):
        return self.page.locator(selector).first.inner_text()

    def ask(self, kind, **request):
        """An answer of the engine; what is no number comes as a text."""
        return self.page.evaluate(
            """async ([kind, request]) => {
                const isOdd = (value) => typeof value === "number" && !Number.isFinite(value);
                const plain = (_, value) =>
                    ArrayBuffer.isView(value) ? [...value] : isOdd(value) ? `${value}` : value;
                return JSON.parse(JSON.stringify(await globalThis.play.ask(kind, request), plain));
            }""",
            [kind, request],
        )

    @property
    def hash(self):
        return self.page.evaluate("decodeURIComponent(location.hash)")
