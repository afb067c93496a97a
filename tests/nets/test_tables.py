import io
import os
import zipfile

import numpy as np
import pytest

from lifesigns._errors import UsageError
from lifesigns.nets import samples
from lifesigns.nets.tables import read_table

PLAIN = "\n".join(["a,b,y", *(f"{i / 7:.4f},{i},{i % 2}" for i in range(40))]) + "\n"
GERMAN = PLAIN.replace(",", ";").replace(".", ",")
X = np.random.default_rng(0).normal(size=(40, 3))
LABELS = np.arange(40) % 4


def csv(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def npz(tmp_path, **arrays):
    np.savez(tmp_path / "table.npz", **arrays)
    return tmp_path / "table.npz"


def packed(tmp_path, *members, method=zipfile.ZIP_DEFLATED):
    path = tmp_path / "table.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def array(values, shape=None):
    """The bytes of an .npy file, whose header may say another shape."""
    stream = io.BytesIO()
    np.save(stream, values)
    data = stream.getvalue()
    return data if shape is None else data.replace(*map(padded, (str(values.shape), shape)))


def padded(text):
    return f"'shape': {text}, }}".ljust(60).encode()


# --- classes or values: one rule ------------------------------------------------------------------
@pytest.mark.parametrize("kind", [np.int64, np.float64, np.float32, np.uint8, ">f8"])
def test_few_whole_numbers_are_classes_in_every_type_and_format(tmp_path, kind):
    as_npz = read_table(npz(tmp_path, X=X, y=LABELS.astype(kind)))
    rows = [f"{x},{label}" for x, label in zip(X[:, 0], LABELS.astype(kind), strict=True)]
    as_csv = read_table(csv(tmp_path, "\n".join(["x,y", *rows])))

    assert as_npz.classes == as_csv.classes == 4
    np.testing.assert_array_equal(as_npz.targets, as_csv.targets)


def test_many_different_whole_numbers_are_values_in_both_formats(tmp_path):
    as_npz = read_table(npz(tmp_path, X=X, y=np.arange(40)))
    as_csv = read_table(csv(tmp_path, "\n".join(["x,y", *(f"{i},{i}" for i in range(40))])))

    assert as_npz.classes == as_csv.classes == 0


def test_a_single_column_of_labels_is_a_list_of_labels(tmp_path):
    assert read_table(npz(tmp_path, X=X, y=LABELS[:, None])).classes == 4


def test_words_are_classes_in_the_order_of_the_alphabet(tmp_path):
    words = np.array(["pig", "cat", "dog", "ant"])[LABELS]
    rows = [f"{x},{word}" for x, word in zip(X[:, 0], words, strict=True)]

    as_npz = read_table(npz(tmp_path, X=X, y=words))
    as_csv = read_table(csv(tmp_path, "\n".join(["x,y", *rows])))

    assert as_npz.targets[:4].tolist() == as_csv.targets[:4].tolist() == [3, 1, 2, 0]


def test_a_name_for_each_sample_is_no_class(tmp_path):
    many = range(samples.MOST_WORDS + 1)

    for path in (
        csv(tmp_path, "\n".join(["x,y", *(f"{i},name{i}" for i in many)])),
        npz(tmp_path, X=np.zeros((len(many), 1)), y=np.array([f"name{i}" for i in many])),
    ):
        with pytest.raises(UsageError, match="words, more than 1,000"):
            read_table(path)


# --- CSV ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        GERMAN,
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.replace("a", "größe").encode("latin-1"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace("a,b", '"a, or ""A""",b'),
    ],
    ids=[
        "semicolon",
        "tab",
        "decimal comma",
        "mark",
        "utf-16",
        "latin-1",
        "crlf",
        "blank",
        "quotes",
    ],
)
def test_a_table_is_the_same_however_it_was_exported(tmp_path, content):
    expected = read_table(csv(tmp_path, PLAIN))

    table = read_table(csv(tmp_path, content))

    np.testing.assert_array_equal(table.inputs, expected.inputs)
    np.testing.assert_array_equal(table.targets, expected.targets)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GERMAN + "1.5;2;0\n", r"decimal comma \('0,0000' in line 2\).*point \('1.5' in line 42\)"),
        ("a;y\n" + "1,234;1\n2,345;0\n" * 20, "'1,234' in line 2 may be thousands"),
        (PLAIN + "1_000,1,1\n", "'1_000' is no number"),
        (PLAIN + "0x10,1,1\n", "'0x10' is no number"),
        (PLAIN + "inf,1,1\n", "'inf' is no number"),
        (PLAIN + "1,1,inf\n", "column 'y': 'inf' is no number"),
        (PLAIN + "nan,1,1\n", "column 'a': the value is missing"),
        (PLAIN.replace("\n", "\n\n") + "red,1,1\n", "line 83, column 'a': 'red'"),
        (PLAIN + "1e200,1,1\n", "numbers above 1e"),
        (PLAIN + "\0,1,1\n", "line 42: a NUL character"),
        (PLAIN.encode("utf-16-le"), "a NUL character"),
        (PLAIN.encode("utf-16")[:-1], "no CSV text"),
        (PLAIN + "1," + "x" * 200_000 + ",1\n", "field larger than field limit"),
        (PLAIN + '"1,2,1\n', "unexpected end of data"),
        (PLAIN + "\x1b[31m,1,1\n", r"'\\x1b\[31m' is no number"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_line(tmp_path, content, said):
    with pytest.raises(UsageError, match=said):
        read_table(csv(tmp_path, content))


def test_a_target_that_two_columns_are_called_is_refused(tmp_path):
    with pytest.raises(UsageError, match="2 columns 'a'"):
        read_table(csv(tmp_path, PLAIN.replace("a,b", "a,a")), "a")


def test_a_row_without_end_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("lifesigns.nets.csv_file.LONGEST_ROW", 1000)

    for content in (PLAIN + "1" * 2000, PLAIN + '"' + "\n" * 2000):
        with pytest.raises(UsageError, match="more than 1,000 characters"):
            read_table(csv(tmp_path, content))


def test_more_numbers_than_are_read_are_refused_in_both_formats(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MOST_VALUES", 50)

    for path in (csv(tmp_path, PLAIN), npz(tmp_path, X=X, y=LABELS)):
        with pytest.raises(UsageError, match="at most 50 are read"):
            read_table(path)


# --- NPZ ------------------------------------------------------------------------------------------
def test_the_order_of_an_array_in_the_file_does_not_matter(tmp_path):
    table = read_table(npz(tmp_path, X=np.asfortranarray(X), y=LABELS))

    np.testing.assert_array_equal(table.inputs, X)


def test_arrays_of_more_dimensions_are_laid_out_flat(tmp_path):
    x = np.arange(240.0).reshape(40, 2, 3)

    np.testing.assert_array_equal(
        read_table(npz(tmp_path, X=np.asfortranarray(x), y=LABELS)).inputs, x.reshape(40, 6)
    )


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X.astype(object), LABELS),
        (X.astype(str), LABELS),
        (X.astype(complex), LABELS),
        (X.astype("M8[s]"), LABELS),
        (np.zeros(40, [("a", float)]), LABELS),
        (X, LABELS.astype(object)),
        (X, LABELS[:39]),
        (np.float64(3), LABELS),
        (X, np.float64(3)),
    ],
    ids=["objects", "words", "complex", "dates", "structured", "labels", "lengths", "X", "y"],
)
def test_arrays_of_another_kind_are_refused_with_what_was_given(tmp_path, x, y):
    with pytest.raises(UsageError, match=r"X is .*, y is .* are expected"):
        read_table(npz(tmp_path, X=x, y=y))


@pytest.mark.parametrize("shape", [(40, 0), (0, 0)])
def test_an_array_without_columns_is_refused(tmp_path, shape):
    with pytest.raises(UsageError, match="at least one column"):
        read_table(npz(tmp_path, X=np.zeros(shape), y=np.zeros(shape[0])))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("(1000000, 9)", "bytes; it has 960"),
        ("(1000000000000, 9)", "numbers or more; at most"),
        ("(-40, 3)", "is no shape|one target for each"),
        ("(40, 4)", "1,280 bytes; it has 960"),
    ],
)
def test_a_header_that_asks_for_more_than_there_is_gets_nothing(tmp_path, shape, said):
    rows = int(shape[1:].split(",")[0])
    labels = array(np.zeros(1), f"({rows},)") if rows > 40 else array(LABELS)

    with pytest.raises(UsageError, match=said):
        read_table(packed(tmp_path, ("X.npy", array(X, shape)), ("y.npy", labels)))


def test_an_archive_that_unpacks_to_much_more_is_not_unpacked(tmp_path):
    path = packed(tmp_path, ("X.npy", array(X) + b"\0" * 50_000_000), ("y.npy", array(LABELS)))
    assert path.stat().st_size < 100_000

    with pytest.raises(UsageError, match="takes 960 bytes; it has 50,000,960"):
        read_table(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("X.npy", array(X)), ("X.npy", array(X)), ("y.npy", array(LABELS))], "holds X 2 times"),
        ([("../X.npy", array(X)), ("y.npy", array(LABELS))], r"holds \.\./X, y; arrays"),
        ([("X.npy", b"PK"), ("y.npy", array(LABELS))], "does not start as an array does"),
        ([("X.npy", b"\x93NUMPY\1\0\x10\x27" + b"[" * 10_000), ("y.npy", b"")], "does not start"),
        ([], "holds nothing; arrays X and y"),
    ],
)
def test_members_that_are_no_arrays_of_these_names_are_refused(tmp_path, members, said):
    with pytest.raises(UsageError, match=said):
        read_table(packed(tmp_path, *members))


def test_a_way_to_compress_that_takes_memory_by_itself_is_refused(tmp_path):
    members = ("X.npy", array(X)), ("y.npy", array(LABELS))

    with pytest.raises(UsageError, match="NumPy does not use"):
        read_table(packed(tmp_path, *members, method=zipfile.ZIP_LZMA))


def test_files_that_are_no_archives_are_refused(tmp_path):
    path = tmp_path / "table.npz"
    for content, said in [
        (b"", "no NPZ file"),
        (array(X), "a single array"),
        (b"PK\5\6" + b"\0" * 18, "holds nothing"),
        (b"PK\5\6" + b"\0" * 8 + b"\xff" * 4 + b"\0" * 6, "larger archive"),
        (npz(tmp_path, X=X, y=LABELS).read_bytes()[:-30], "no NPZ file"),
    ]:
        path.write_bytes(content)
        with pytest.raises(UsageError, match=said):
            read_table(path)


# --- paths ----------------------------------------------------------------------------------------
def test_pipes_and_folders_are_not_waited_for(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")

    for name, said in [("folder.csv", "is a folder"), ("pipe.npz", "no regular file")]:
        with pytest.raises(UsageError, match=said):
            read_table(tmp_path / name)


def test_paths_that_no_file_can_have_are_refused(tmp_path):
    (tmp_path / "circle.csv").symlink_to(tmp_path / "circle.csv")

    for path in (tmp_path / ("x" * 5000 + ".csv"), tmp_path / "\0.csv", tmp_path / "circle.csv"):
        with pytest.raises(UsageError, match="cannot be looked at"):
            read_table(path)
