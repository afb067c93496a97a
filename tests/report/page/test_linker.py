"""ES modules in one classic script."""

import pytest

from lifesigns.report.page.linker import LinkError, exports, link


def test_what_is_needed_stands_before_what_needs_it():
    modules = {
        "main.js": 'import { b } from "./b.js";\nb();',
        "a.js": "export const a = 1;",
        "b.js": 'import { a } from "./a.js";\nexport function b() { return a; }',
    }

    script = link(modules, "main.js")

    assert script.index("$a = ") < script.index("$b = ") < script.index("$main = ")
    assert "import" not in script
    assert "export" not in script


def test_a_name_can_be_another_here():
    modules = {
        "main.js": 'import { a, b as c } from "./a.js";\nc();',
        "a.js": "export const a = 1;\nexport function b() {}",
    }

    assert "const { a, b: c } = $a;" in link(modules, "main.js")


def test_a_module_that_two_need_stands_there_once():
    modules = {
        "main.js": 'import { a } from "./a.js";\nimport { b } from "./b.js";',
        "a.js": "export const a = 1;",
        "b.js": 'import { a } from "./a.js";\nexport const b = a;',
    }

    assert link(modules, "main.js").count("const a = 1;") == 1


def test_a_module_that_nothing_needs_is_left_out():
    assert "spare" not in link({"main.js": "", "spare.js": "export const spare = 1;"}, "main.js")


def test_all_forms_of_export_are_known():
    lines = ("const a = 1;", "function b() {}", "async function c() {}", "class D {}")

    names = exports("\n".join(f"export {line}" for line in lines))

    assert list(names) == ["a", "b", "c", "D"]


@pytest.mark.parametrize(
    "line",
    [
        "export default 1;",
        "export { a };",
        "export let a = 1;",
        'import a from "./a.js";',
        'import * as a from "./a.js";',
        "import { a } from './a.js';",
        'import "./a.js";',
        'import { a } from "./a.js"; a();',
        "import {",
        "  export const a = 1;",
    ],
)
def test_any_other_form_is_refused_with_its_place(line):
    modules = {"main.js": f"// first\n{line}", "a.js": "export const a = 1;"}

    with pytest.raises(LinkError, match=r"main\.js:2"):
        link(modules, "main.js")


@pytest.mark.parametrize(
    "line", ["importance = 1;", "important();", "exported = 2;", "x.import = 1;"]
)
def test_words_that_only_begin_alike_are_left_alone(line):
    assert line in link({"main.js": line}, "main.js")


def test_a_name_that_is_not_exported_is_refused():
    modules = {"main.js": 'import { b } from "./a.js";', "a.js": "export const a = 1;"}

    with pytest.raises(LinkError, match=r"main\.js:1: a\.js does not export b"):
        link(modules, "main.js")


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(LinkError, match=r"main\.js needs a\.js, which is not there"):
        link({"main.js": 'import { a } from "./a.js";'}, "main.js")


def test_a_circle_is_refused():
    modules = {
        "a.js": 'import { b } from "./b.js";\nexport const a = 1;',
        "b.js": 'import { a } from "./a.js";\nexport const b = 1;',
    }

    with pytest.raises(LinkError, match=r"a\.js needs b\.js needs a\.js"):
        link(modules, "a.js")
