"""pyproject.toml and constraints.txt agree, and what is built from them works away from this folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.contract.once import once
from tests.setup.sources import REPO, imported, modules, package_of

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
PINS = {
    canonicalize_name(pin.name): pin
    for line in (REPO / "constraints.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
    for pin in [Requirement(line)]
}
INSTALLED_BY_MAKE = [
    Requirement(r) for r in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"])
]


def pinned_version(requirement: Requirement) -> Version:
    (pin,) = PINS[canonicalize_name(requirement.name)].specifier
    assert pin.operator == "=="
    return Version(pin.version)


@pytest.mark.parametrize("requirement", INSTALLED_BY_MAKE, ids=lambda r: r.name)
def test_a_requirement_has_a_lower_bound_and_a_pin_that_satisfies_it(requirement):
    assert any(part.operator == ">=" for part in requirement.specifier)
    assert requirement.specifier.contains(pinned_version(requirement))


def test_every_constraint_pins_one_public_version():
    for requirement in PINS.values():
        version = pinned_version(requirement)
        assert version.local is None
        assert version.public == str(version)


def test_every_requirement_of_an_extra_has_a_lower_bound():
    for extra, requirements in PROJECT["optional-dependencies"].items():
        for text in requirements:
            assert any(part.operator == ">=" for part in Requirement(text).specifier), f"{extra}: {text}"


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "constraints.txt", "Makefile", "scripts/setup.sh", ".ci/run"]
)
def test_no_local_version_such_as_a_cpu_tag_is_asked_for(name):
    assert not re.search(r"\d\+(cpu|cu\d+)", (REPO / name).read_text("utf-8"))


def test_what_the_code_imports_is_declared():
    extras = PROJECT["optional-dependencies"].values()
    known = {Requirement(text).name for texts in (PROJECT["dependencies"], *extras) for text in texts}
    used = {
        name.split(".")[0]
        for path, tree in modules("ablations", "analysis")
        for name in imported(tree, package_of(path))
    }
    foreign = used - set(sys.stdlib_module_names) - {"ablations", "analysis"}
    sold_as = (
        packages_distributions()
    )  # PIL comes from pillow; a package that is not installed goes by its own name
    needed = {canonicalize_name(sold_as.get(name, [name])[0]) for name in foreign}
    assert needed <= {canonicalize_name(name) for name in known}


def test_every_folder_of_code_is_a_package():
    folders = {path.parent for top in ("ablations", "analysis") for path in (REPO / top).rglob("*.py")}
    assert [f.relative_to(REPO).as_posix() for f in folders if not (f / "__init__.py").exists()] == []


def test_the_version_is_the_same_everywhere():
    version = PROJECT["version"]
    assert re.search(rf"^version: {re.escape(version)}$", (REPO / "CITATION.cff").read_text("utf-8"), re.M)
    assert re.search(rf"^## {re.escape(version)}\b", (REPO / "CHANGELOG.md").read_text("utf-8"), re.M)


def install(folder: Path) -> None:
    """Build the wheel of both packages, which compiles the engine, and install it below ``folder``."""
    tree = folder / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(REPO / name, tree)
    for name in ("ablations", "analysis"):
        shutil.copytree(REPO / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
    alone = ["--no-deps", "--no-index"]
    found = ["--target", str(folder / "site"), "--find-links", str(tree / "dist")]
    for command in (
        ["wheel", *alone, "--no-build-isolation", "-w", str(tree / "dist"), str(tree)],
        ["install", *alone, *found, "dqn-ablations"],
    ):
        done = subprocess.run([*pip, *command], capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds both packages as `pip install` of their wheel leaves them, and nothing else of ours."""
    return once(tmp_path_factory, "installed", install) / "site"


def elsewhere(site: Path, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """`python ARGS` in another folder, with the installed packages and without this one."""
    return subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(installed):
    for top in ("ablations", "analysis"):
        ours = {
            p.relative_to(REPO)
            for p in (REPO / top).rglob("*")
            if p.is_file() and "__pycache__" not in p.parts
        }
        theirs = {p.relative_to(installed) for p in (installed / top).rglob("*") if p.is_file()}
        assert sorted(ours - theirs) == []


@pytest.mark.slow
def test_the_installed_packages_answer_from_another_folder(installed, tmp_path):
    listed = elsewhere(installed, tmp_path, "-m", "ablations", "list")
    assert listed.returncode == 0, listed.stderr
    assert "core" in listed.stdout
    where = elsewhere(installed, tmp_path, "-m", "ablations", "where", "core")
    assert where.returncode == 0, where.stderr
    assert Path(tmp_path, where.stdout.strip()) == tmp_path / "results" / "core"
    nothing = elsewhere(installed, tmp_path, "-m", "analysis", "figures", "nowhere")
    assert nothing.returncode == 2, nothing.stderr
    origin = elsewhere(
        installed, tmp_path, "-c", "import ablations, analysis; print(ablations.__file__, analysis.__file__)"
    )
    assert origin.stdout.count(str(installed)) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_installed_packages_run_a_study_from_another_folder(installed, tmp_path):
    (tmp_path / "tiny.toml").write_text(
        'name = "tiny"\nenvs = ["CartPole-v1"]\nseeds = 2\nbaseline = "dqn"\nvariants = ["dqn"]\n'
        "[settings]\ntotal_timesteps = 400\nlearning_starts = 64\n[slots]\ntrunk = { hidden = [8] }\n"
    )
    ran = elsewhere(installed, tmp_path, "-m", "ablations", "run", "tiny.toml", "--jobs", "1")
    assert ran.returncode == 0, ran.stderr
    drawn = elsewhere(installed, tmp_path, "-m", "analysis", "tables", "results/tiny")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "results" / "tiny" / "tables" / "summary.csv").exists()
