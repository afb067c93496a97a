"""The playground: a page that trains small networks by itself, with the mathematics of lifesigns.

The engine is in `engine/`, plain ES modules without a document, for a page, a worker or node. Two
of them are made from Python, `table.js` from the catalogue and the rules and `bundled.js` from
scikit-learn's data; `lifesigns.play.modules.modules` returns them all. Its doors:

- `setting.js`: `validated(setting)`, `changed(setting, change)`, `described(setting)`, `FIELDS`
- `data.js`: `dataOf(setting)`; `csv.js`: `parsed(text, target, task)`
- `training.js`: `startOf(setting, data)`, a `Training`
- `terms.js`: `terms(training)`, one batch term by term; `neuron(…)`, a single one
- `findings.js`: `findings(training)`, `applied(setting, remedy)`
- `torch_script.js`: `torchScript(training)`; `lab_design.js`: `labDesign(setting)`
- `words.js`: `said(template, data, language)`, and the templates
"""
