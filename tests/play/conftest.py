"""The engine in Chromium: its modules linked into one script, as a page has them."""

import json

import pytest

from lifesigns.report.page.linker import exports, link

ENTRY = "tests.js"


def linked(modules, given=()):
    """One script that puts all that the engine exports into `engine`; `given` replaces modules."""
    modules = modules | dict(given)
    names = {file: list(exports(text)) for file, text in modules.items()}
    imports = [f'import {{ {", ".join(each)} }} from "./{file}";' for file, each in names.items()]
    everything = ", ".join(name for each in names.values() for name in each)
    entry = "\n".join([*imports, f"globalThis.engine = {{ {everything} }};"])
    return link({**modules, ENTRY: entry}, ENTRY)


class Engine:
    """A page that holds nothing but the engine."""

    def __init__(self, page, script):
        self.page = page
        page.set_content("<!doctype html><title>engine</title>")
        page.add_script_tag(content=script)

    def __call__(self, code, given=None):
        """What the function `given => code` returns, in which the engine's exports are known."""
        text = self.page.evaluate(
            f"""given => {{
                const answer = (() => {{ {code} }})();
                return JSON.stringify(answer, (key, value) =>
                    ArrayBuffer.isView(value) ? Array.from(value) :
                    typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
            }}""",
            given,
        )
        return json.loads(text)


@pytest.fixture(scope="session")
def modules():
    pytest.importorskip("sklearn")
    from lifesigns.play.modules import modules

    return modules()


@pytest.fixture(scope="session")
def load(chromium, modules):
    """`load(**texts)`: an engine in which some modules have another text."""

    def loaded(given=()):
        complaints = []
        page = chromium.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        engine = Engine(page, linked(modules, given))
        assert complaints == []
        return engine

    return loaded


@pytest.fixture(scope="session")
def engine(load):
    return load()
