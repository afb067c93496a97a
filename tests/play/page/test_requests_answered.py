"""What people have asked tensorflow/playground for since 2016, each with a control that does it."""

import pytest

OPEN = {
    1: "choose the initialisation",
    3: "say what NaN is and where it comes from",
    5: "the same",
    20: "load own data",
    25: "the same weights after a rewind",
    29: "other losses",
    39: "export the network",
    47: "compare runs",
    50: "an activation for each layer",
    77: "NaN again",
    87: "what a step costs",
    91: "sweep over settings",
    102: "own data by paste",
    111: "own data with other features",
    158: "a schedule for the rate",
    168: "labels that say what they mean",
    174: "own data from a file",
    175: "cross-entropy",
    181: "axes with numbers",
    191: "own data with several classes",
    195: "settings that work and settings that do not, with reasons",
    208: "NaN once more",
}
"""Issues of tensorflow/playground that were open in November 2026."""


def _initialisation(page):
    page.choose("Initialisation", "he_normal")
    assert "initialiser.name=he_normal" in page.hash


def _explained(page):
    page.at(optimizer__rate=1e9, network__hidden="4 relu", data__name="sine", loss="squared-error")
    page.press("Run").page.locator(".card.broken").wait_for()
    text = page.text(".card.broken")
    assert "Not a number from step" in text
    assert "too large for a number" in text
    assert "lower the rate" in text


def _same_weights(page):
    loss = page.text(".now-loss")
    page.steps(2).press("One step back").until(1).press("One step back").until(0)
    assert page.text(".now-loss") == loss


def _losses(page):
    values = page.page.locator("[id='control-loss'] option").evaluate_all(
        "all => all.map((o) => o.value)"
    )
    assert values == ["cross-entropy", "squared-error", "hinge", "huber"]
    page.choose("Loss function", "hinge")


def _cross_entropy(page):
    assert page.page.get_by_label("Loss function", exact=True).input_value() == "cross-entropy"
    page.press("One step").until(1)


def _export(page):
    page.press("Export")
    assert "import torch" in page.page.locator("dialog pre").first.inner_text()


def _sweep(page):
    """As a design of the lab, which trains it with many rates and seeds."""
    page.press("Export")
    assert "rates = [" in page.page.locator("dialog pre").nth(1).inner_text()
    assert "lifesigns lab" in page.text("dialog")


def _compared(page):
    page.changed(lambda: page.press("Compare two networks"))
    assert page.page.locator(".side .network").count() == 2


def _each_layer(page):
    page.changed(lambda: page.press("+ Add a layer"))
    page.choose("Activation of layer 2", "gelu")
    assert "network.hidden=8+tanh,+8+gelu" in page.hash


def _cost(page):
    assert "multiplications" in page.text(".size")


def _schedule(page):
    page.page.locator(".more summary").last.click()
    page.choose("Rate over time", "cosine")


def _pasted(page, table):
    page.page.locator(".own summary").click()
    page.page.locator("#own").fill(table)
    page.changed(lambda: page.press("Use it"))


def _own(page):
    _pasted(page, "x,y\n" + "\n".join(f"{i},{i % 2}" for i in range(20)))
    assert "16 samples" in page.text(".size").replace("\u202f", " ")


def _own_features(page):
    head = ",".join(f"f{i}" for i in range(6))
    rows = "\n".join(",".join(str((i * j) % 7) for j in range(6)) + f",{i / 3}" for i in range(20))
    _pasted(page, f"{head},y\n{rows}")
    assert page.ask("exported")["sides"][0]["script"]


def _own_classes(page):
    _pasted(page, "x,y,kind\n" + "\n".join(f"{i},{-i},{'abc'[i % 3]}" for i in range(30)))
    assert page.text(".surface figcaption").split() == ["a", "b", "c"]


def _own_file(page):
    page.page.locator(".own summary").click()
    rows = "x,y\n" + "\n".join(f"{i},{i}.5" for i in range(20))
    page.changed(lambda: page.page.locator("#own-file").set_input_files(
        {"name": "own.csv", "mimeType": "text/csv", "buffer": rows.encode()}))  # fmt: skip


def _labels(page):
    labels = page.page.locator(".knobs label:visible").all_inner_texts()
    assert {"Data set", "Learning rate", "Batch samples"} <= set(labels)
    assert page.page.locator("#control-initialiser\\.name").count() == 1


def _axes(page):
    assert page.page.locator(".course canvas").get_attribute("aria-label") == "Loss over the steps"
    assert "x1" in page.ask("configure", settings=[{}])["made"][0]["about"]["axes"]


def _reasons(page):
    page.at(lesson="relu-dies")
    page.page.get_by_label("More than a fifth").check()
    page.press("Run the lesson").page.locator(".happened").wait_for(timeout=20_000)
    card = page.page.locator(".findings .card").first
    assert "dead-units" in card.inner_text()
    card.locator("summary").click()
    assert len(card.locator("details p").inner_text()) > 80


ANSWERS = {
    1: _initialisation, 3: _explained, 5: _explained, 20: _own, 25: _same_weights, 29: _losses,
    39: _export, 47: _compared, 50: _each_layer, 77: _explained, 87: _cost, 91: _sweep,
    102: _own, 111: _own_features, 158: _schedule, 168: _labels, 174: _own_file,
    175: _cross_entropy, 181: _axes, 191: _own_classes, 195: _reasons, 208: _explained,
}  # fmt: skip


@pytest.mark.parametrize("answer", dict.fromkeys(ANSWERS.values()), ids=lambda each: each.__name__)
def test_a_request_is_answered_by_a_control(played, answer):
    answer(played.at())


def test_all_of_them_have_an_answer():
    assert ANSWERS.keys() == OPEN.keys()
