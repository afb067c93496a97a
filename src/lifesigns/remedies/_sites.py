"""From a site to the source: which expression builds the module, which call runs the operation.

The script is read, not run. A module path such as `encoder.fc1` is followed from each expression
that builds a whole model: through positions in an `nn.Sequential`, the attributes that a class
assigns in its methods, names, and functions that return a module. What is built in a loop or
unpacked from a list has no single position there; its places are then all that the list can hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lifesigns.records import Site
from lifesigns.remedies._edit import NOWHERE, Place, Places
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Script, cst, one
from lifesigns.remedies._torch_names import function_names, module_name

CONTAINERS = ("torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict")
OF_DATA = ("Dataset", "IterableDataset", "Sampler", "ABC", "object", "Exception", "NamedTuple")
"""Bases of classes that are no modules."""
DEEPEST = 12
"""How far names and calls are followed; models that build themselves end there."""


def place_of(script: Script, node: cst.CSTNode, file: str) -> Place:
    """Where a node stands.

    Args:
        script: Holds the node.
        node: Any.
        file: What the script is called.
    """
    return Place(file, script.line(node), script.column(node))


def calls_of(script: Script, sites: Iterable[Site], places: Places) -> list[cst.Call]:
    """The expressions that build the modules of these sites or run their functions, each once.

    Args:
        script: Where they are looked for.
        sites: Activations, normalisations or losses.
        places: Where the recorder saw them.

    Raises:
        Refused: For one of them there is not exactly one expression.
    """
    return list(dict.fromkeys(call_of(script, site, places.get(site.name)) for site in sites))


def call_of(script: Script, site: Site, place: Place | None = None) -> cst.Call:
    """The expression that builds the module of a site, or the call that runs its function.

    Args:
        script: Where it is looked for.
        site: Says module path, operation and which call of it.
        place: Where the recorder saw it; without one the module path is followed.

    Raises:
        Refused: There is not exactly one.
    """
    if place is not None and (seen := _at(script, site, place)):
        return one(seen, f"{site.operation} in line {place.line}", script)
    built = reached(script, site.module.split(".") if site.module else [])
    wanted = module_name(site.operation)
    exact = [n for n in built if isinstance(n, cst.Call) and script.name(n) == wanted]
    if exact and wanted:
        return one(list(dict.fromkeys(exact)), f"module {site.module}", script)
    return _functional(script, site, built)


def own_call_of(script: Script, site: Site, places: Places) -> cst.Call:
    """As `call_of`, for a change that no other site is to have.

    Args:
        script: Where it is looked for.
        site: Says module path, operation and which call of it.
        places: Where the recorder saw sites.

    Raises:
        Refused: There is not exactly one, or it is that of other sites, too: of a module that runs
            several times, or in a loop over layers.
    """
    place = places.get(site.name)
    call = call_of(script, site, place)
    alike = script.calls(lambda other: is_call_of(script, other, site.operation))
    of_a_model = script.within(call, cst.ClassDef) is not None
    looped = of_a_model and script.within(call, cst.For) is not None
    others = (other for name, other in places.items() if name != site.name)
    seen = place is not None and any(other.is_where(place) for other in others)
    if looped or seen or (site.call and len(alike) == 1):
        raise Refused(f"line {script.line(call)} runs at other sites, too")
    return call


def layers_of(script: Script, paths: Iterable[str], places: Places = NOWHERE) -> list[cst.Call]:
    """The expressions that build the modules at these paths, each once.

    Args:
        script: Where they are looked for.
        paths: Such as `encoder.fc1`.
        places: Where the recorder saw them built.

    Raises:
        Refused: For one of them there is not exactly one expression.
    """
    found = []
    for path in paths:
        built = dict.fromkeys(reached(script, path.split(".")))
        calls = [n for n in built if isinstance(n, cst.Call)]
        if place := places.get(path):
            calls = [c for c in calls if is_at(script, c, place)] or calls
        found.append(one(calls, f"module {path}", script))
    return list(dict.fromkeys(found))


def _at(script: Script, site: Site, place: Place) -> list[cst.Call]:
    """The calls in the line that the recorder saw; none where the line says it in other words."""
    return script.calls(
        lambda call: is_at(script, call, place) and is_call_of(script, call, site.operation)
    )


def is_at(script: Script, node: cst.CSTNode, place: Place) -> bool:
    """Whether a call or operation stands where the recorder saw one."""
    return script.line(node) == place.line and place.column in (-1, script.column(node))


def is_call_of(script: Script, call: cst.Call, operation: str) -> bool:
    """Whether a call builds the module of an operation, or runs it as function or method."""
    name = script.name(call)
    if name in (module_name(operation), *function_names(operation)) and name:
        return True
    method = isinstance(call.func, cst.Attribute) and call.func.attr.value == operation
    return method and not name.startswith("torch.")


def _functional(script: Script, site: Site, built: Sequence[cst.CSTNode]) -> cst.Call:
    """The call of a function in the class of the site's module, or outside of all classes."""
    classes = [c for n in built if (c := class_of(script, n)) is not None]
    roots = list(dict.fromkeys(classes))
    calls = [c for root in roots for c in _runs(script, site.operation, root)]
    if not calls:
        calls = [
            call
            for call in _runs(script, site.operation, script.tree)
            if script.within(call, cst.ClassDef) is None
        ]
    loops = any(script.within(call, cst.For) for call in calls) and bool(roots)
    if len(roots) <= 1 and not loops and site.call < len(calls) > 1:
        return calls[site.call]
    return one(calls, f"{site.operation} of {site.module or 'the model'}", script)


def _runs(script: Script, operation: str, root: cst.CSTNode) -> list[cst.Call]:
    module = module_name(operation)
    calls = script.calls(lambda call: is_call_of(script, call, operation), root)
    return [call for call in calls if script.name(call) != module or not module]


# --- following a module path ----------------------------------------------------------------------
def reached(script: Script, path: Sequence[str]) -> list[cst.CSTNode]:
    """The expressions that may build what a path leads to from a whole model.

    Where no model that is built here has it, another file may build one: then the path begins at
    the classes of which nothing here makes an object.

    Args:
        script: Where they are looked for.
        path: The parts of a module path.
    """
    for roots in (models_in(script), _classes_for_others(script)):
        if found := [node for root in roots for node in following(script, root, path)]:
            return found
    return []


def models_in(script: Script) -> list[cst.Call]:
    """The expressions that build a whole model: outside of classes, within no other module."""
    return [
        call
        for call in script.of_kind(cst.Call)
        if builds_module(script, call)
        and script.within(call, cst.ClassDef) is None
        and not any(
            isinstance(n, cst.Call) and builds_module(script, n) for n in script.around(call)
        )
    ]


def _classes_for_others(script: Script) -> list[cst.ClassDef]:
    made = [class_of(script, call) for call in script.of_kind(cst.Call)]
    return [
        each
        for each in script.of_kind(cst.ClassDef)
        if each not in made and is_module_class(script, each)
    ]


def is_module_class(script: Script, owner: cst.ClassDef) -> bool:
    """Whether a class says that it is a module, of torch or of lightning."""
    return any(_is_module(script, base) for base in owner.bases)


def _is_module(script: Script, base: cst.Arg) -> bool:
    return script.text(base).rpartition(".")[2] in ("Module", "LightningModule")


def _is_no_module(script: Script, base: cst.Arg) -> bool:
    return script.text(base).rpartition(".")[2] in OF_DATA


def builds_module(script: Script, call: cst.Call) -> bool:
    """Whether a call builds an `nn.Module`."""
    name = script.name(call)
    own = name.startswith("torch.nn.") and name.rpartition(".")[2][:1].isupper()
    return own or class_of(script, call) is not None


def class_of(script: Script, node: cst.CSTNode) -> cst.ClassDef | None:
    """The class of this script that a call makes an object of, or that the node itself is."""
    if isinstance(node, cst.ClassDef):
        return node
    if not isinstance(node, cst.Call) or not (name := script.name(node)):
        return None
    last = name.rpartition(".")[2]
    named = [c for c in script.of_kind(cst.ClassDef) if c.name.value == last and c.bases]
    found = [c for c in named if not any(_is_no_module(script, base) for base in c.bases)]
    return found[0] if len(found) == 1 else None


def following(
    script: Script, node: cst.CSTNode, path: Sequence[str], depth: int = 0
) -> Iterator[cst.CSTNode]:
    """The expressions that may build what a path leads to.

    Args:
        script: Holds the node.
        node: Where the path begins: an expression that builds a module.
        path: The parts of a module path that are left.
        depth: How far it was followed already.
    """
    if depth > DEEPEST:
        return
    if isinstance(node, cst.Name):
        for value in assigned(script, node):
            yield from following(script, value, path, depth + 1)
    elif isinstance(node, cst.ClassDef):
        yield from _into_class(script, node, path, depth + 1)
    elif isinstance(node, cst.Call):
        yield from _into_call(script, node, path, depth + 1)
    elif isinstance(node, cst.IfExp):
        for value in (node.body, node.orelse):
            yield from following(script, value, path, depth + 1)


def _into_call(
    script: Script, call: cst.Call, path: Sequence[str], depth: int
) -> Iterator[cst.CSTNode]:
    for value in returned(script, call):
        yield from following(script, value, path, depth)
    if not path and builds_module(script, call):
        yield call
    elif path and script.name(call) in CONTAINERS:
        for value in _elements(script, call, path[0]):
            yield from following(script, value, path[1:], depth)
    elif path and (owner := class_of(script, call)) is not None:
        yield from _into_class(script, owner, path, depth)


def _into_class(
    script: Script, owner: cst.ClassDef, path: Sequence[str], depth: int
) -> Iterator[cst.CSTNode]:
    if not path:
        yield owner
        return
    for value in _attributes(script, owner, path[0]):
        yield from following(script, value, path[1:], depth)


def returned(script: Script, call: cst.Call) -> Iterator[cst.CSTNode]:
    """What a function of this script returns, if the call is one of such a function.

    Args:
        script: Holds the call.
        call: Any.
    """
    name = script.name(call).rpartition(".")[2]
    for function in script.of_kind(cst.FunctionDef):
        is_method = isinstance(script.within(function, cst.ClassDef), cst.ClassDef)
        if function.name.value == name and not is_method:
            for back in script.of_kind(cst.Return, function):
                if back.value is not None:
                    yield back.value


def _elements(script: Script, call: cst.Call, key: str) -> Iterator[cst.CSTNode]:
    """The values at a position or key of a container; all of a list that is unpacked into it."""
    values = [arg.value for arg in call.args]
    starred = any(arg.star for arg in call.args)
    if len(values) == 1 and isinstance(values[0], cst.List | cst.Tuple) and not starred:
        elements = values[0].elements
        values = [each.value for each in elements]
        starred = any(isinstance(each, cst.StarredElement) for each in elements)
    if not starred and key.isdigit() and len(values) > int(key) and _is_one(values[int(key)]):
        yield values[int(key)]
        return
    named = [d for each in values for d in _named(script, each, key)]
    yield from named or (m for each in values for m in _anything(script, each))


def _is_one(node: cst.CSTNode) -> bool:
    """Whether an argument is a module of its own, not a list of some."""
    return not isinstance(node, cst.ListComp)


def _named(script: Script, node: cst.CSTNode, key: str) -> list[cst.CSTNode]:
    """The value of a key in a dictionary, an `OrderedDict` or a list of pairs."""
    pairs = [each.elements for each in script.of_kind(cst.Tuple, node) if len(each.elements) == 2]
    found: list[cst.CSTNode] = [b.value for a, b in pairs if _string(a.value) == key]
    entries = [e for each in script.of_kind(cst.Dict, node) for e in each.elements]
    return found + [
        e.value for e in entries if isinstance(e, cst.DictElement) and _string(e.key) == key
    ]


def _string(node: cst.CSTNode) -> str:
    value = node.evaluated_value if isinstance(node, cst.SimpleString) else ""
    return value if isinstance(value, str) else ""


def _anything(script: Script, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Every module that a list can hold: its own, and what is added to its name."""
    sources: list[cst.CSTNode] = [node]
    if isinstance(node, cst.Name):
        sources = [*assigned(script, node), *_added(script, node)]
    for source in sources:
        for call in script.of_kind(cst.Call, source):
            if builds_module(script, call):
                yield call


def _added(script: Script, name: cst.Name) -> Iterator[cst.CSTNode]:
    """What is appended to a list of this name."""
    scope = script.within(name, cst.FunctionDef) or script.tree
    for plus in script.of_kind(cst.AugAssign, scope):
        if script.text(plus.target) == name.value:
            yield plus.value
    for method in ("append", "extend"):
        for call in script.method_calls(method, scope):
            if isinstance(call.func, cst.Attribute) and script.text(call.func.value) == name.value:
                yield from (arg.value for arg in call.args)


def assigned(script: Script, name: cst.Name) -> list[cst.CSTNode]:
    """The values given to a name: in its function, or else at the top of the script."""
    inner = script.within(name, cst.FunctionDef)
    for scope in (inner, script.tree):
        if scope is not None and (found := list(_values(script, scope, name.value))):
            return found
    return []


def _attributes(script: Script, owner: cst.ClassDef, name: str) -> Iterator[cst.CSTNode]:
    yield from _values(script, owner, f"self.{name}")


def _values(script: Script, scope: cst.CSTNode, target: str) -> Iterator[cst.CSTNode]:
    """What is assigned to a target in a scope, pairs such as `a, b = 1, 2` taken apart."""
    for statement in script.of_kind(cst.Assign, scope):
        for each in statement.targets:
            for left, right in paired(each.target, statement.value):
                if script.text(left) == target:
                    yield right
    for one_of_a_type in script.of_kind(cst.AnnAssign, scope):
        if one_of_a_type.value is not None and script.text(one_of_a_type.target) == target:
            yield one_of_a_type.value


def paired(
    left: cst.BaseExpression, right: cst.BaseExpression
) -> Iterator[tuple[cst.BaseExpression, cst.BaseExpression]]:
    """What is assigned to what, pairs such as `a, b = 1, 2` whole and taken apart.

    Args:
        left: A target.
        right: Its value.
    """
    yield left, right
    if isinstance(left, cst.Tuple) and isinstance(right, cst.Tuple):
        for a, b in zip(left.elements, right.elements, strict=False):
            yield from paired(a.value, b.value)
