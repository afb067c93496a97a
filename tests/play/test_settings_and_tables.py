"""Settings are checked field by field, tables line by line, and every mistake has its words."""

import re
from itertools import chain

import pytest

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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There are no samples"),
        ("a,b\n", "There are no samples"),
        ("1,2\n1,2,3", "Line 2 has 3 columns, the first line has 2"),
        ("1\n2", "The table has 0 features; 1 to 64"),
        (",".join("1" * 66), "The table has 65 features"),
        ("a,b\n1,2\nx,3", "Line 3: “x” in column a is no number"),
        ("a,b\n1,2\n,3", "Line 3: a value is missing"),
        ("a,b\n1,2\n3,NA", "Line 3: a value is missing (“NA”)"),
        ("\n".join(f"{i},c{i}" for i in range(11)), "11 different classes; at most 10"),
        ("1,yes\n2,yes", "All samples have the same class, yes"),
        ("1,2\n" * 5002, "5002 lines; at most 5000"),
        ("a,b\n1,1e999", "1e999"),
        ("a,b\n1e200,1", "Line 2: “1e200” in column a"),
    ],
)
def test_a_mistake_in_a_table_is_named(engine, text, words):
    (english, chinese), *_ = told(engine, own(text))

    assert words in english
    assert re.search("[\u4e00-\u9fff]", chinese)


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
