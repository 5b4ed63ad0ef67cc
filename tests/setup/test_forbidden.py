"""What no file of ours may do: read or write pickles, run text as code, use a shell, import what a file names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.setup.sources import imported, modules, package_of

OURS = ("ablations", "analysis", "scripts", "tests")
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve"}
NAMES = {"eval", "exec", "__import__"}
METHODS = {"to_pickle", "read_pickle", "unsafe_load"}
CALLS = {"os.system", "os.popen", "joblib.dump", "joblib.load"}


MAKERS = {"make", "make_vec", "spec"}
MAKES_ENVIRONMENTS = {
    "ablations/envs/gym.py": "make, of ids that a study has, or that `play` and `verify` have checked",
}
"""Where an environment may be made by its id, which may import a module: nowhere else."""
OWN_MODULES = ("MODULES[", "'ablations.", "f'ablations.", "EXECUTORS[", "EXTRAS[")
"""How the names begin of what may be imported by name."""


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node


def _says(call: ast.Call, keyword: str, value: object) -> bool:
    return any(
        k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is value
        for k in call.keywords
    )


def offences(tree: ast.Module, package: str) -> list[str]:
    """What a file does that it must not, each with its line."""
    found = [f"imports {name}" for name in imported(tree, package) if name.split(".")[0] in MODULES]
    for name, call in _calls(tree):
        if (
            name in NAMES | CALLS
            or name.rpartition(".")[2] in METHODS
            or (name == "torch.load" and not _says(call, "weights_only", True))
            or (name in {"np.load", "numpy.load"} and _says(call, "allow_pickle", True))
            or _says(call, "shell", True)
        ):
            found.append(f"line {call.lineno}: {ast.unparse(call)}")
    return found


def imports_by_name(tree: ast.Module, path: str) -> list[str]:
    """Calls that may import a module that a study or a stored file names, each with its line."""
    found = []
    for name, call in _calls(tree):
        library, _, last = name.rpartition(".")
        makes = library in {"gymnasium", "gym", "gymnasium.envs.registration"} and last in MAKERS
        named = last in {"import_module", "run_module"} and bool(call.args)
        own = named and ast.unparse(call.args[0]).startswith(OWN_MODULES)
        if (makes and path not in MAKES_ENVIRONMENTS) or (named and not own):
            found.append(f"line {call.lineno}: {ast.unparse(call)}")
    return found


def test_no_environment_is_made_and_no_module_imported_by_a_name_that_was_not_checked():
    found = {path: imports_by_name(tree, path) for path, tree in modules("ablations", "analysis", "scripts")}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "gymnasium.make(env_id)",
        "gym.make_vec(env_id, 4)",
        "gymnasium.spec(env_id)",
        "import_module(name)",
        "importlib.import_module(env_id.partition(':')[0])",
    ],
)
def test_each_import_by_name_is_caught(source):
    assert imports_by_name(ast.parse(source), "ablations/runner/grid.py")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("gymnasium.make(env_id)", "ablations/envs/gym.py"),
        ("import_module(f'ablations.cli.{name}')", "ablations/cli/__init__.py"),
        ("make(means, folder)", "ablations/runner/grid.py"),
    ],
)
def test_no_import_that_was_checked_is_caught(source, path):
    assert not imports_by_name(ast.parse(source), path)


def test_no_file_of_ours_does_any_of_it():
    found = {path: offences(tree, package_of(path)) for path, tree in modules(*OURS)}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from cloudpickle import dumps",
        "def f():\n    import dill.source",
        "eval('1')",
        "exec(text)",
        "subprocess.run('ls', shell=True)",
        "os.system('ls')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "frame.to_pickle(path)",
    ],
)
def test_each_of_these_is_caught(source):
    assert offences(ast.parse(source), "ablations")


@pytest.mark.parametrize(
    "source", ["torch.load(path, weights_only=True)", "np.load(path)", "model.eval()", "run(['ls'])"]
)
def test_none_of_these_is_taken_for_one(source):
    assert not offences(ast.parse(source), "ablations")
