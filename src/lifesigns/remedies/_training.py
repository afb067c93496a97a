"""The parts of a training in a script: optimizer, backward pass, loop, loss, loader.

Each is found if there is exactly one, and refused otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import optim

from lifesigns.remedies._place import OPTIMIZER
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Node, Script, argument, cst, one
from lifesigns.remedies._sites import assigned, is_at
from lifesigns.remedies._torch_names import LOSSES, module_name

OPTIMIZERS = frozenset(
    f"torch.optim.{name}"
    for name, value in vars(optim).items()
    if isinstance(value, type) and issubclass(value, optim.Optimizer)
)
DEEPEST = 4
"""How many functions are followed outwards."""
PARAMETERS = ("parameters", "named_parameters")
USUAL_NAMES = ("optimizer", "optim", "opt")
"""Of an optimizer in a function that it is handed to."""


def optimizer_built(script: Script) -> cst.Call:
    """The call that builds the optimizer."""
    found = script.calls_to(*OPTIMIZERS)
    place = script.places.get(OPTIMIZER)
    seen = [call for call in found if place is not None and is_at(script, call, place)]
    return one(seen or found, "optimizer", script)


def optimizer_name(script: Script) -> str:
    """What the optimizer is assigned to, e.g. `optimizer` or `self.optimizer`."""
    return _target(script, optimizer_built(script), "optimizer")


def model_name(script: Script) -> str:
    """The model of whose parameters the optimizer is built: `model` in `model.parameters()`."""
    names = model_names(script)
    if len(names) == 1:
        return names[0]
    raise Refused("the optimizer is not built from `model.parameters()`")


def model_names(script: Script) -> list[str]:
    """The models of whose parameters the optimizer is built, such as an encoder and a decoder."""
    return list(dict.fromkeys(script.text(model) for model in models_given(script)))


def models_given(script: Script, built: cst.Call | None = None) -> list[cst.BaseExpression]:
    """The expressions `model` in each `model.parameters()` that the optimizer is built from.

    Args:
        script: Holds them.
        built: The call that builds the optimizer, if there are others.
    """
    given = argument(built or optimizer_built(script), "params", 0)
    values: list[cst.CSTNode] = [given.value] if given is not None else []
    if given is not None and isinstance(given.value, cst.Name):
        values = [*assigned(script, given.value)]
    calls = [c for each in values for name in PARAMETERS for c in script.method_calls(name, each)]
    return [call.func.value for call in calls if isinstance(call.func, cst.Attribute)]


def for_each_layer(script: Script, kinds: Sequence[str], *lines: str) -> list[Change]:
    """Writes a loop over the layers of these kinds, right before the optimizer is built.

    Args:
        script: Builds one optimizer, of `model.parameters()`.
        kinds: Names in `torch.nn`.
        lines: What is done with each, which is called `layer`.
    """
    nn_, models = script.spelled("torch.nn"), model_names(script)
    if not models:
        raise Refused("the optimizer is not built from `model.parameters()`")
    whole = models[0] if len(models) == 1 else f"{nn_}.ModuleList([{', '.join(models)}])"
    named = [f"{nn_}.{kind}" for kind in kinds]
    wanted = named[0] if len(named) == 1 else f"({', '.join(named)})"
    return script.lines_before(
        optimizer_built(script),
        f"for layer in {whole}.modules():",
        f"    if isinstance(layer, {wanted}):",
        *(f"        {line}" for line in lines),
    )


def scope_of(script: Script, node: cst.CSTNode) -> cst.CSTNode:
    """The function that a node stands in, or the script."""
    return script.within(node, cst.FunctionDef) or script.tree


def in_scope(script: Script, node: cst.CSTNode) -> str:
    """The name of the model, if it means the model at a node, too.

    Args:
        script: Holds both.
        node: Where the name is to be used: where the optimizer is built, or in a function that is
            given the model under this name.

    Raises:
        Refused: The node stands in another function.
    """
    scope, name = scope_of(script, node), model_name(script)
    given = scope.params.params if isinstance(scope, cst.FunctionDef) else ()
    same = scope is scope_of(script, optimizer_built(script))
    if not same and name not in [parameter.name.value for parameter in given]:
        raise Refused("the optimizer is built in another function than the one that trains")
    return name


def backward_called(script: Script) -> cst.Call:
    """The call of `backward`."""
    return one(script.method_calls("backward"), "call of backward", script)


def step_called(script: Script) -> cst.Call:
    """The call of the optimizer's `step`."""
    steps = script.method_calls("step")
    named = [c for c in steps if receiver(script, c) == optimizer_name(script)]
    usual = [c for c in steps if receiver(script, c).rpartition(".")[2] in USUAL_NAMES]
    return one(named or usual, "call of the optimizer's step", script)


def receiver(script: Script, call: cst.Call) -> str:
    """What a method is called on, as it is written."""
    return script.text(call.func.value) if isinstance(call.func, cst.Attribute) else ""


def innermost_loop(script: Script) -> cst.For:
    """The loop that each step is one round of."""
    return _loops(script)[0]


def outermost_loop(script: Script) -> cst.For:
    """The loop that goes on longest: that of epochs, if there is one."""
    return _loops(script)[-1]


def _loops(script: Script) -> list[cst.For]:
    """The loops around the call of backward, through functions that are called in one place."""
    node: cst.CSTNode = backward_called(script)
    loops: list[cst.For] = []
    for _ in range(DEEPEST):
        scope = scope_of(script, node)
        around = [n for n in script.around(node) if isinstance(n, cst.For)]
        loops += [n for n in around if scope_of(script, n) is scope]
        calls = callers(script, scope) if isinstance(scope, cst.FunctionDef) else []
        if len(calls) != 1:
            break
        node = calls[0]
    if not loops:
        raise Refused("no for loop was found around the call of backward")
    return loops


def callers(script: Script, function: cst.FunctionDef) -> list[cst.Call]:
    """The calls of a function by its name, or of a method by its name on any object.

    Args:
        script: Holds the function.
        function: Its definition.
    """
    name = function.name.value
    if script.within(function, cst.ClassDef) is not None:
        return script.method_calls(name)
    return script.calls(lambda c: isinstance(c.func, cst.Name) and c.func.value == name)


def loader_built(script: Script) -> cst.Call:
    """The call that builds the loader of the training."""
    loaders = script.calls_to(
        "torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader"
    )
    if len(loaders) > 1:
        over = innermost_loop(script).iter
        if isinstance(over, cst.Call) and over.args:  # enumerate, or a bar of progress
            over = over.args[0].value
        values = assigned(script, over) if isinstance(over, cst.Name) else []
        loaders = [call for call in loaders if call in values]
    return one(loaders, "DataLoader of the training", script)


def loss_called(script: Script, operations: Iterable[str]) -> cst.Call:
    """The call that compares output and target, as a function or as a module's object.

    Args:
        script: Where it is looked for.
        operations: Names in `torch.nn.functional`; one of them.
    """
    return one(loss_calls(script, operations), "call of the loss", script)


def loss_calls(script: Script, operations: Iterable[str]) -> list[cst.Call]:
    """The calls that compare output and target, as a function or as a module's object.

    Args:
        script: Where they are looked for.
        operations: Names in `torch.nn.functional`.
    """
    operations = tuple(operations)
    functions = script.calls_to(*(f"torch.nn.functional.{name}" for name in operations))
    classes = {module_name(name) for name in operations}
    built = list(script.calls(lambda c: script.name(c) in classes))
    objects = {target for call in built if (target := assigned_name(script, call))}
    called = script.calls(lambda c: script.text(c.func) in objects or c.func in built)
    return trained(script, [*functions, *called])


def loss_named(script: Script, operation: str) -> list[cst.Call]:
    """Where a loss is chosen: calls of its function, and where its module is built.

    Args:
        script: Where it is looked for.
        operation: A name in `torch.nn.functional`.
    """
    names = (f"torch.nn.functional.{operation}", module_name(operation))
    return trained(script, script.calls_to(*names))


def trained(script: Script, nodes: list[Node]) -> list[Node]:
    """Those outside of `with torch.no_grad()`, where a program only evaluates.

    Args:
        script: Holds the nodes.
        nodes: Any.
    """
    return [node for node in nodes if not _evaluates(script, node)]


def _evaluates(script: Script, node: cst.CSTNode) -> bool:
    items = [i for n in script.around(node) if isinstance(n, cst.With) for i in n.items]
    return any("no_grad" in script.text(i) or "inference_mode" in script.text(i) for i in items)


def _target(script: Script, call: cst.Call, what: str) -> str:
    if name := assigned_name(script, call):
        return name
    raise Refused(f"the {what} is not assigned to a name")


def assigned_name(script: Script, call: cst.Call) -> str:
    """What the result of a call is assigned to; empty if that is no single name."""
    parent = next(script.around(call), None)
    if isinstance(parent, cst.Assign) and len(parent.targets) == 1:
        return script.text(parent.targets[0].target)
    if isinstance(parent, cst.Element):
        return _of_pair(script, call)
    return ""


def _of_pair(script: Script, call: cst.Call) -> str:
    """The name in `a, b = …, call(…)`."""
    statement = script.within(call, cst.Assign)
    if statement is None or not isinstance(statement.value, cst.Tuple):
        return ""
    left = statement.targets[0].target
    values = [element.value for element in statement.value.elements]
    if not isinstance(left, cst.Tuple) or call not in values:
        return ""
    return script.text(left.elements[values.index(call)].value)


KNOWN_LOSSES = tuple(LOSSES)
