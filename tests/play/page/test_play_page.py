"""The playground as a reader uses it, in a browser."""

import json

import pytest

LOSS = ".now-loss"


def test_the_file_is_small_and_its_policy_allows_nothing_but_itself(played, playground):
    played.at()

    policy = played.page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute(
        "content"
    )

    assert playground.stat().st_size <= 400_000
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "worker-src blob:" in policy
    assert "unsafe" not in policy


def test_it_runs_pauses_and_goes_step_by_step(played):
    played.at().press("Run")
    played.past(5).press("Pause")
    played.ask("look", wants={})  # answers come in order: what was on its way has arrived
    step = played.step

    played.press("One step")

    played.until(step + 1)
    assert played.text(".place output") == f"step {step + 1}"


def test_going_back_and_forward_again_ends_at_the_same_numbers(played):
    played.at(optimizer__name="adam").steps(4)
    weights = played.ask("exported")["sides"][0]["loss"]
    later = played.text(LOSS)

    played.press("One step back").until(3).press("One step back").until(2)
    earlier = played.text(LOSS)
    played.page.get_by_label("Go back to a step").focus()
    played.page.keyboard.press("End")
    played.until(4)

    assert earlier != later
    assert played.text(LOSS) == later
    assert played.ask("exported")["sides"][0]["loss"] == weights


def test_starting_again_begins_from_the_same_weights(played):
    first = played.at().text(LOSS)

    played.steps(2).changed(lambda: played.press("Start again"))

    assert played.until(0).text(LOSS) == first


def test_the_address_holds_the_state(played):
    played.at().choose("Data set", "moons").put("Learning rate", 0.7)
    played.choose("Activation of layer 1", "relu")
    address = played.hash

    played.reopen()

    assert address == "#v=1&data.name=moons&network.hidden=8+relu&optimizer.rate=0.7&view=layers"
    assert played.page.get_by_label("Learning rate", exact=True).input_value() == "0.7"
    assert played.page.get_by_label("Activation of layer 1").input_value() == "relu"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"v": 2}, "newer version (2)"),
        ({"optimizer__colour": "red"}, "optimizer.colour"),
        ({"lesson": "zero-stat"}, "zero-stat"),
        ({"seed": "abc"}, "Seed is abc; a whole number from 0 to 4294967295 is expected"),
        ({"network__hidden": "many relu"}, "network.hidden[0].units is many;"),
    ],
)
def test_an_address_that_is_not_understood_says_so(played, words, said):
    played.page.goto("about:blank")

    assert said in played.at(**words).text(".problem")


def test_the_rest_of_an_address_is_taken(played):
    played.at(colour="red", optimizer__rate=0.7)

    assert played.page.get_by_label("Learning rate", exact=True).input_value() == "0.7"


def test_a_link_holds_a_table_of_ones_own(played):
    rows = "\n".join(f"{i},{i * i},{'down' if i < 9 else 'up'}" for i in range(20))
    played.at(data__name="own", data__csv=f"a,b,kind\n{rows}")

    assert played.page.locator(".problem").count() == 0
    assert "16 samples to learn from" in played.text(".size").replace("\u202f", " ")


def test_two_networks_differ_in_one_control(played):
    played.at().changed(lambda: played.press("Compare two networks"))
    played.choose("Network B differs in", "optimizer.rate").put("In network B", 3)

    assert "Learning rate: 3" in played.page.locator(".side header").nth(1).inner_text()
    assert "other.optimizer.rate=3" in played.hash
    first, second = played.ask("exported")["sides"]
    assert first["script"] != second["script"]
    assert first["loss"] == second["loss"]


def test_a_finding_names_its_place_and_its_button_mends_it(played):
    played.at(initialiser__name="zeros", network__hidden="4 sigmoid").steps(3)
    card = played.page.locator(".findings .card").first
    assert "symmetric-units" in card.inner_text()
    assert "layer 1" in card.inner_text()

    played.changed(lambda: card.get_by_role("button").first.click())

    assert played.page.get_by_label("Initialisation", exact=True).input_value() != "zeros"
    assert played.steps(3).page.locator(".findings .card.error").count() == 0


def test_what_is_no_number_is_put_back_and_said(played):
    field = played.at().page.get_by_label("Learning rate", exact=True)
    field.fill("abc")
    field.press("Tab")

    assert played.text(".control .problem") == "“abc” is no number; it stays 0.1."
    assert field.input_value() == "0.1"


def test_a_remedy_of_network_b_changes_that_one_alone(played):
    played.at(network__hidden="4 identity, 4 identity", **{"other.optimizer.rate": 0.2}).steps(3)
    letter = played.page.get_by_text("B", exact=True)
    card = played.page.locator(".findings .card").filter(has=letter).filter(has_text="linear-")

    played.changed(lambda: card.get_by_role("button").first.click())

    a, b = played.page.locator(".side header").all_inner_texts()
    assert "Hidden layers: 4 identity, 4 identity" in a
    assert "Hidden layers: 4 relu, 4 relu" in b
    assert "Learning rate: 0.2" in b
    played.reopen()
    assert played.page.locator(".side header").all_inner_texts() == [a, b]


def test_a_symptom_offers_the_remedy_of_its_cause(played):
    played.at(lesson="zero-start").ask("advance", steps=400)
    played.ask("look", wants={})
    found = played.ask("advance", steps=0)["frame"]["findings"]
    of_first = {each["rule"]: each for each in found if each["side"] == 0}
    flat = of_first["loss-flat"]

    assert flat["explainedBy"] == "symmetric-units"
    assert [each["word"] for each in flat["remedies"]] == ["initialise"]


def test_what_is_no_number_any_more_is_explained_and_the_way_back_is_open(played):
    played.at(
        optimizer__rate=1e9, network__hidden="4 relu", data__name="sine", loss="squared-error"
    )
    played.press("Run")
    card = played.page.locator(".card.broken")
    card.wait_for()

    assert "Not a number from step" in card.inner_text()
    assert "too large" in card.inner_text()
    card.get_by_role("button").click()
    played.page.wait_for_selector(".card.broken", state="detached")


def test_a_teachers_link_leaves_one_control_free(played):
    played.at(free="initialiser.name", lesson="zero-start")

    free = played.page.locator(".knobs :is(select, input, button):enabled")

    assert [each.get_attribute("id") for each in free.all()] == ["control-initialiser.name"]
    played.steps(3).page.locator(".remedies button").first.wait_for()
    assert played.page.locator(".remedies button:enabled").count() == 0


@pytest.mark.parametrize("lesson", ["straight-boundary", "relu-dies", "leaky-relu"])
def test_the_control_that_a_lesson_is_about_can_be_left_free(played, lesson):
    played.at(lesson=lesson).press("Share")
    free = played.page.locator("#free").input_value()

    played.at(lesson=lesson, free=free)

    assert played.page.locator(".knobs :is(select, input, button):enabled").count() >= 1


def test_a_table_that_is_pasted_is_learnt(played):
    played.at()
    rows = "\n".join(f"{i},{-i},{'up' if i > 10 else 'down'}" for i in range(20))
    played.page.locator(".own summary").click()
    played.page.locator("#own").fill(f"a,b,kind\n{rows}")

    played.changed(lambda: played.press("Use it"))

    assert "up" in played.text(".surface figcaption")
    assert "16 samples to learn from" in played.text(".size").replace("\u202f", " ")


def test_a_long_table_is_no_part_of_the_address(played):
    played.at()
    played.page.locator(".own summary").click()
    rows = "\n".join(f"{i},{i / 7}" for i in range(200))
    played.page.locator("#own").fill(f"x,y\n{rows}")
    played.changed(lambda: played.press("Use it")).press("Share")

    assert "not in it" in played.text("dialog")
    assert "data." not in played.hash


def test_a_table_with_a_mistake_says_in_which_line(played):
    played.at()
    played.page.locator(".own summary").click()
    played.page.locator("#own").fill("a,b\n1,2\n3")

    played.press("Use it")

    assert "Line 3 has 1 columns" in played.text(".knobs .problem")


def test_the_table_of_the_command_is_there(plays, tmp_path):
    from lifesigns.play.file import play_html

    file = tmp_path / "own.html"
    table = "x,y\n" + "\n".join(f"{i},{2 * i}.5" for i in range(12))
    file.write_text(play_html(csv=("own.csv", table), lang="zh"), encoding="utf-8")

    shown = plays(file).at()

    assert shown.page.get_by_label("数据集", exact=True).input_value() == "own"
    assert "10 个训练样本" in shown.text(".size")


def test_a_lesson_is_guessed_run_and_told_with_its_numbers(played):
    played.at(lesson="squared-error-saturates")
    assert played.page.get_by_role("button", name="Run the lesson").count() == 0

    played.page.get_by_label("A, for it is more wrong").check()
    played.press("Run the lesson")
    played.page.locator(".happened").wait_for()

    assert "needs 117 steps" in played.text(".happened")
    assert "your guess" in played.text(".options")
    played.press("Next lesson")
    assert "Cross-entropy cancels" in played.text(".lesson h2")


@pytest.mark.parametrize("name", ["backpropagation", "zero-start-relu"])
def test_the_run_of_the_bar_stops_where_an_open_lesson_ends_and_tells_it(played, name):
    played.at(lesson=name).page.get_by_label("Speed").select_option("600")
    played.press("Run")
    played.page.locator(".happened").wait_for()
    end = played.step
    numbers = played.page.locator(".numbers li").count()

    played.press("Run").past(end).page.get_by_label("Speed").select_option("60")

    assert end == {"backpropagation": 1, "zero-start-relu": 200}[name]
    assert numbers > 0


def test_export_gives_a_script_and_a_design(played):
    played.at(data__name="sine", loss="squared-error", steps=5).steps(5).press("Export")
    dialog = played.page.locator("dialog")
    with played.page.expect_download() as saved:
        dialog.get_by_role("button", name="Save play.py").click()

    script = saved.value.path().read_text(encoding="utf-8")

    compile(script, "play.py", "exec")
    assert "5 steps" in dialog.inner_text()
    assert "activations" in dialog.inner_text()
    assert dialog.get_by_role("button", name="Save samples.csv").count() == 1


@pytest.mark.parametrize("tab", ["layers", "slope", "path", "neuron", "terms"])
def test_each_view_shows_its_numbers_also_for_two_networks(played, tab):
    played.at(view=tab, network__hidden="3 relu, 3 tanh", **{"other.seed": 1}).steps(2)

    panel = played.page.locator("#panel")

    assert any(sign.isdigit() for sign in panel.inner_text())
    assert played.page.locator("#panel :is(canvas, table)").count() > 0


def test_the_terms_of_a_step_add_up(played):
    played.at(view="terms", network__hidden="2 tanh")
    frame = played.ask("look", wants={"tab": "terms"})["frame"]
    terms = frame["views"]["terms"]

    for layer in terms["update"]:
        for before, gradient, after in zip(
            *(layer["weights"][key] for key in ("before", "gradient", "after")), strict=True
        ):
            assert after == pytest.approx(before - terms["rate"] * gradient, abs=1e-12)
    assert json.dumps(terms["loss"]) != "null"


def test_keys_reach_everything(played):
    played.at().page.locator("#tab-layers").focus()
    played.page.keyboard.press("ArrowRight")
    assert played.page.evaluate("document.activeElement.id") == "tab-slope"

    played.page.locator(".unit[tabindex='0']").focus()
    played.page.keyboard.press("ArrowDown")
    played.page.wait_for_selector('.unit[data-at="1-1"][aria-pressed="true"]')

    played.page.get_by_label("Learning rate", exact=True).focus()
    played.changed(lambda: played.page.keyboard.press("ArrowUp"))
    assert played.page.get_by_label("Learning rate", exact=True).input_value() == "0.2"


def test_a_finger_is_enough(plays):
    touched = plays(has_touch=True, viewport={"width": 400, "height": 800}).at()

    touched.page.get_by_role("button", name="One step", exact=True).tap()
    touched.until(1)
    touched.page.locator(".unit").nth(2).tap()

    assert touched.page.locator('.unit[aria-pressed="true"]').get_attribute("data-at") == "1-2"


def test_without_javascript_it_says_what_it_needs(plays):
    shown = plays(java_script_enabled=False)

    shown.page.goto(shown.file.as_uri())

    assert "JavaScript" in shown.text("body")
