"""Settings are checked field by field, tables line by line, and every mistake has its words."""

import json
import random
import re
from itertools import chain
from pathlib import Path

import pytest

from lifesigns.play.own_table import problem

TABLES = json.loads(Path(__file__).with_name("tables.json").read_text(encoding="utf-8"))

ERRORS = "return engine.validated(given).errors"


def told(engine, setting):
    """The mistakes of a setting, in both languages."""
    return engine(
        "return engine.validated(given).errors.map((each) => {"
        " if (!engine.ERRORS[each.word]) throw Error(each.word);"
        " const data = engine.ofError(each);"
        " return ['en', 'zh'].map((language) =>"
        " engine.said(engine.ERRORS[each.word], data, language)); });",
        setting,
    )


def test_what_is_left_out_is_filled_in(engine):
    setting = engine("return engine.validated({}).setting")

    assert setting["version"] == 1
    assert setting["optimizer"]["name"] == "sgd"
    assert engine("return engine.validated(given).setting", setting) == setting


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"batch": 0}, "batch is 0; a whole number from 1 to 2000 is expected."),
        ({"batch": 1.5}, "batch is 1.5; a whole number"),
        ({"optimizer": {"rate": "fast"}}, "optimizer.rate is fast; a number from 0"),
        ({"loss": "mse"}, "loss is mse; one of these is expected: squared-error"),
        ({"rate": 1}, "There is no field rate. Known here: version"),
        ({"network": {"hidden": [{"units": 65}]}}, "network.hidden[0].units is 65"),
        ({"network": {"hidden": [{}] * 9}}, "network.hidden should be a list of at most 8"),
        ({"network": []}, "network should hold these fields: hidden, output"),
        ({"data": {"standardise": "yes"}}, "data.standardise is yes; true or false"),
        ({"version": 2}, "version is 2; a whole number from 1 to 1"),
        ({"data": {"name": "sine"}}, "cross-entropy needs classes"),
        (
            {"data": {"name": "sine"}, "loss": "huber", "network": {"output": "softmax"}},
            "A softmax shares 1 among classes",
        ),
    ],
)
def test_a_mistake_in_a_setting_is_named(engine, setting, words):
    (english, chinese), *_ = told(engine, setting)

    assert words in english
    assert re.search("[\u4e00-\u9fff]", chinese)


def own(text, **rest):
    return {"data": {"name": "own", "csv": text} | rest}


FEW = "\n".join(f"{i},{i % 2}" for i in range(20))


@pytest.fixture(scope="module")
def page_says(engine):
    """`page_says(texts)`: the page's mistake in each table, and its words in both languages."""

    def asked(texts):
        return engine(
            """return given.map((csv) => {
                const [error] = engine.validated({ data: { name: "own", csv, task: null } }).errors
                    .filter(({ at }) => at === "data.csv");
                if (!error) return [null, "", ""];
                const { at, word, line, given, expected } = error;
                const words = (language) =>
                    engine.said(engine.ERRORS[word], engine.ofError(error), language);
                const about = { word, line, given: given === undefined ? null : `${given}`,
                    expected: expected === undefined ? null : `${expected}` };
                return [about, words("en"), words("zh")];
            });""",
            texts,
        )

    return asked


def command_says(text):
    """What `lifesigns play --data` says of a table, as the page puts it."""
    found = problem(text)
    if found is None:
        return None
    given, expected = (
        None if each is None else str(each) for each in (found.given, found.expected)
    )
    line = {} if found.line is None else {"line": found.line}
    plain = None if expected is None else expected.strip("()").replace(", ", ",")
    return {"word": found.word, "given": given, "expected": plain} | line


def test_page_and_command_name_the_same_mistake_in_a_table(page_says):
    texts = [case["text"] * case["times"] for case in TABLES]

    for case, text, (error, english, chinese) in zip(TABLES, texts, page_says(texts), strict=True):
        assert (error or {}).get("word") == (case["problem"] or {}).get("word"), case
        assert command_says(text) == error, case
        assert case["words"] in english, case
        assert not error or re.search("[\u4e00-\u9fff]", chinese)


def test_page_and_command_agree_on_tables_of_all_kinds(page_says):
    draw = random.Random(0)
    cells = [
        "1",
        "2",
        "2.5",
        "-3",
        "1,5",
        "",
        "NA",
        "x",
        "no",
        '"a,b"',
        '"',
        "1e200",
        " 4 ",
        ".",
        "\u00a0",
    ]
    texts = []
    for _ in range(400):
        width, sign = draw.choice([1, 2, 2, 3]), draw.choice(",,;\t")
        plain = draw.choice([cells[:2], cells[:4], cells[:5], cells])
        lines = draw.choice([1, 2, 5, 12])
        row = [sign.join(draw.choices(plain, k=width)) for _ in range(lines)]
        texts.append(draw.choice(["\n", "\r\n", "\n \n"]).join(row))

    answers = [error for error, *_ in page_says(texts)]

    assert [command_says(text) for text in texts] == answers
    assert len({error and error["word"] for error in answers}) >= 6


def test_a_table_that_is_too_long_is_not_repeated_in_the_message(page_says):
    [(error, english, _)] = page_says(["1,2\n" * 500_001])

    assert error["word"] == "text-long"
    assert english == "data.csv has 2000004 characters; at most 2000000 are read. Leave some out."
    assert problem("1,2\n" * 500_001).word == "text-long"


def test_a_target_that_is_not_there_is_named(engine):
    (english, _), *_ = told(engine, own("a,b,c\n1,2,3", target="d"))
    assert english == "There is no column d. Columns: a, b, c."


@pytest.mark.parametrize(
    ("text", "features", "classes"),
    [
        (FEW, 1, ["0", "1"]),
        ("\ufeffa;b;c\r\n1,5;2;yes\r\n3;4;no\r\n", 2, ["no", "yes"]),
        ("x\ty\n1\t2.5\n2\t3.5", 1, []),
        ('"a, b",c\n"1",2.25\n', 1, []),
        ("1,2,3\n4,5,6", 2, []),
        ("2019,2020,price\n4,5,6.5\n7,8,9.5", 2, []),
        ("1,2,b\n4,5,a\n7,8,a", 2, ["a", "b"]),
    ],
)
def test_tables_are_read_as_people_write_them(engine, text, features, classes):
    table = engine("return engine.parsed(given)", text)

    assert table["errors"] == []
    assert (table["features"], table["classes"]) == (features, classes)


def test_whole_numbers_are_classes_if_asked(engine):
    table = engine("return engine.parsed(given, undefined, 'classes')", "1,5\n2,7")
    assert (table["classes"], table["targets"]) == (["5", "7"], [0, 1])


def test_a_target_in_the_middle_leaves_the_other_columns(engine):
    table = engine("return engine.parsed(given, 'b')", "a,b,c\n1,2.5,3\n4,5.5,6")
    assert (table["inputs"], table["targets"]) == ([1, 3, 4, 6], [2.5, 5.5])


def test_every_template_has_the_same_places_in_both_languages(engine):
    tables = engine(
        "return [engine.ERRORS, engine.BROKEN, engine.FINDINGS, engine.REMEDIES, engine.LEFT,"
        " { mended: engine.MENDED }]"
    )
    for word, text in chain.from_iterable(table.items() for table in tables):
        places = [set(re.findall(r"\{(\w+)%?\}", text[language])) for language in ("en", "zh")]
        assert places[0] == places[1], word
        assert re.search("[\u4e00-\u9fff]", text["zh"]), word


def test_a_change_reaches_one_layer_or_all(engine):
    setting = engine("return engine.validated({ network: { hidden: [{}, {}] } }).setting")
    one = engine(
        "return engine.changed(given, { 'network.hidden[1].activation': 'relu', batch: 5 })",
        setting,
    )
    every = engine("return engine.changed(given, { 'network.hidden[].units': 3 })", setting)

    assert [layer["activation"] for layer in one["network"]["hidden"]] == ["tanh", "relu"]
    assert one["batch"] == 5
    assert [layer["units"] for layer in every["network"]["hidden"]] == [3, 3]
    assert [layer["units"] for layer in setting["network"]["hidden"]] == [8, 8]


def test_nothing_that_json_can_say_makes_it_raise(engine):
    odd = [None, True, -1, 1e400, "", "x", [], [1], {}, {"units": 3}, {"__proto__": 1}, [[None]]]
    paths = ["data", "data.csv", "data.name", "network", "network.hidden", "optimizer.rate", "loss"]
    answers = engine(
        """return given.paths.flatMap((path) => given.odd.map((value) => {
            const keys = path.split(".");
            const whole = structuredClone(engine.validated({}).setting);
            const inner = keys.slice(0, -1).reduce((place, key) => place[key], whole);
            inner[keys[keys.length - 1]] = value;
            const { setting, errors } = engine.validated(whole);
            if (setting) engine.startOf(setting).steps(2);
            return [setting === null, errors.length > 0];
        })).concat(given.odd.map((value) => {
            const { setting, errors } = engine.validated(value ?? null);
            return [setting === null, errors.length > 0];
        }));""",
        {"odd": [value if value != 1e400 else 1e300 for value in odd], "paths": paths},
    )
    assert all(refused == named for refused, named in answers)
    assert sum(refused for refused, _ in answers) > 60
