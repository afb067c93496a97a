"""For the tests of a project that trains networks: `assert_can_learn`, and a pytest plugin.

The plugin is registered with pytest by itself and costs nothing where it is not used: nothing here
imports torch before a test asks for it.

- `assert_can_learn(model, batch, loss_fn)`: fails with the findings as its message.
- `@pytest.mark.lifesigns`: what the test trains is watched, and an alarm fails it.
- The fixture `training_watch`: a `Watcher` for the time of the test.
"""

from lifesigns.testing.assertions import assert_can_learn, assert_no_alarm

__all__ = ["assert_can_learn", "assert_no_alarm"]
