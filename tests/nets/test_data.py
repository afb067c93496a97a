import numpy as np
import pytest
import torch

from lifesigns._errors import UsageError
from lifesigns.nets.data import DATA, FASHION_MNIST, load

CLASSES = {
    "digits": 10, "iris": 3, "wine": 3, "breast_cancer": 2, "diabetes": 0, "moons": 2, "rings": 2,
    "spirals": 3, "xor": 2, "gaussians": 4,
}  # fmt: skip


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def table(path, rows=40, target=lambda i: i % 2):
    return write(path, "a,b,y", *(f"{i / 7},{i * i % 11},{target(i)}" for i in range(rows)))


@pytest.mark.parametrize(("name", "classes"), CLASSES.items())
def test_every_set_is_standardised_on_its_training_samples_only(name, classes):
    split = load(name)

    varying = split.inputs.std(0, unbiased=False) > 0
    assert split.classes == classes
    assert split.inputs.dtype == split.test_inputs.dtype == torch.float32
    torch.testing.assert_close(split.inputs.mean(0), torch.zeros(split.features), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        split.inputs.std(0, unbiased=False)[varying],
        torch.ones(int(varying.sum())),
        atol=1e-4,
        rtol=0,
    )
    assert split.test_inputs.mean(0).abs().max() > 1e-3
    assert len(split.test_inputs) == pytest.approx(0.25 * len(split.inputs), abs=1)


def test_regression_targets_are_standardised_columns():
    split = load("diabetes")

    assert split.targets.shape == (len(split.inputs), 1)
    assert split.targets.std(unbiased=False).item() == pytest.approx(1, abs=1e-4)


def test_the_seed_decides_what_is_held_out():
    first, again, other = load("iris"), load("iris"), load("iris", seed=1)

    assert torch.equal(first.test_inputs, again.test_inputs)
    assert not torch.equal(first.test_inputs, other.test_inputs)


def test_targets_come_as_the_loss_wants_them():
    split = load("iris")

    assert split.for_loss("cross_entropy").targets.dtype == torch.int64
    one_hot = split.for_loss("squared_error").targets
    assert torch.equal(one_hot.argmax(1), split.targets)
    assert torch.equal(one_hot.sum(1), torch.ones(len(split.inputs)))


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "hinge"])
def test_a_loss_of_classes_is_refused_on_values(loss):
    with pytest.raises(UsageError, match=f"{loss} needs class labels"):
        load("diabetes").for_loss(loss)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean digits"):
        load("digit")


@pytest.mark.skipif(FASHION_MNIST.is_dir(), reason="Fashion-MNIST is installed")
def test_a_set_that_is_not_installed_says_how_to_get_it():
    with pytest.raises(UsageError, match="apt install dataset-fashion-mnist"):
        load("fashion_mnist")


@pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="Fashion-MNIST is not installed")
def test_fashion_mnist_is_read():
    split = load("fashion_mnist")

    assert split.inputs.shape == (8000, 784)
    assert split.classes == 10


def test_a_table_of_classes_and_one_of_values_are_told_apart(tmp_path):
    classes = load(table(tmp_path / "c.csv"))
    words = load(table(tmp_path / "w.csv", target=lambda i: ["cat", "dog"][i % 2]))
    values = load(table(tmp_path / "v.csv", target=lambda i: i / 3))

    assert (classes.classes, words.classes, values.classes) == (2, 2, 0)
    assert values.targets.dtype == torch.float32


def test_any_column_can_be_the_target(tmp_path):
    split = load(table(tmp_path / "t.csv"), target="a")

    assert split.classes == 0
    assert split.features == 2


def test_an_npz_file_is_read_with_labels_or_values(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2, 3))
    np.savez(tmp_path / "labels.npz", X=x, y=np.arange(60) % 3)
    np.savez(tmp_path / "values.npz", X=x, y=x[:, 0, :2])

    labels, values = load(tmp_path / "labels.npz"), load(tmp_path / "values.npz")

    assert (labels.features, labels.classes) == (6, 3)
    assert (values.classes, values.targets.shape[1]) == (0, 2)


HEADER = "a,b,y"
ROWS = [f"{i / 7},{i},{i % 2}" for i in range(40)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([HEADER, *ROWS, "red,1,0"], r"line 42, column 'a': 'red' is no number"),
        ([HEADER, *ROWS, "1,,0"], r"line 42, column 'b': the value is missing"),
        ([HEADER, *ROWS, "1,2,"], r"line 42, column 'y': the value is missing"),
        ([HEADER, *ROWS, "1,2"], r"line 42: 2 values, but the header names 3 columns"),
        ([HEADER, *(f"{i},{i},1" for i in range(40))], "all targets are the same"),
        ([HEADER, *ROWS[:3]], "3 rows; at least 20"),
        ([HEADER], "0 rows; at least 20"),
        (["1,2,3", *ROWS], "a header line with column names is expected"),
        (["a", "1", "2"], "at least two columns"),
        ([""], "at least two columns"),
        ([HEADER, *ROWS, "1,2,5"], "held out"),
    ],
)
def test_an_unusable_table_says_what_is_wrong_and_what_to_do(tmp_path, lines, said):
    path = write(tmp_path / "bad.csv", *lines)

    with pytest.raises(UsageError, match=said):
        load(path)


def test_a_million_columns_are_refused_before_they_are_read(tmp_path):
    path = write(tmp_path / "wide.csv", ",".join(f"c{i}" for i in range(1_000_000)), "1")

    with pytest.raises(UsageError, match="1,000,000 columns; at most 10,000"):
        load(path)


def test_files_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "unequal.npz", X=np.zeros((3, 2)), y=np.zeros(4))
    np.savez(tmp_path / "gaps.npz", X=np.full((30, 2), np.nan), y=np.arange(30) % 2)

    for name, said in [
        ("binary.csv", "at least two columns"),
        ("text.npz", "no NPZ file"),
        ("other.npz", "arrays X and y are expected"),
        ("unequal.npz", "one target for each sample"),
        ("gaps.npz", "NaN or infinite"),
        ("absent.csv", "does not exist"),
    ]:
        with pytest.raises(UsageError, match=said):
            load(tmp_path / name)


def test_names_of_sets_and_their_readers_agree():
    assert set(CLASSES) | {"fashion_mnist"} == set(DATA)
