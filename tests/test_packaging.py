"""What an installed copilot offers and what it costs to import: names, modules, the wheel."""

from __future__ import annotations

import ast
import configparser
import inspect
import os
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import copilot_analytics

HEAVY = {"matplotlib", "numpy", "pandas", "pynvml", "requests", "scipy"}

# Runs the statement in argv[1], then names on the last line all modules it loaded.
TELL_MODULES = """
import sys
try:
    exec(sys.argv[1])
except SystemExit as end:
    assert not end.code, end.code
print("\\n" + " ".join(sys.modules))
"""

RUN_COMMAND = "sys.argv = {argv!r}\nfrom copilot_cli.main import main\nmain()"


def run_python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def loaded_by(statement: str, repository: Path) -> set[str]:
    path = os.pathsep.join([str(repository), str(repository / "cli")])
    done = run_python("-c", TELL_MODULES, statement, cwd=repository, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


# ------------------------------------------------------------------ what an import costs


@pytest.mark.parametrize(
    "statement",
    [
        "import copilot_analytics",
        "import copilot_analytics; dir(copilot_analytics); copilot_analytics.__all__",
        "import copilot_cli.main",
        RUN_COMMAND.format(argv=["copilot", "--help"]),
        RUN_COMMAND.format(argv=["copilot", "report", "--help"]),
    ],
    ids=["library", "library-dir", "cli", "help", "report-help"],
)
def test_import_and_help_load_nothing_heavy(statement: str, repository: Path) -> None:
    loaded = loaded_by(statement, repository)
    assert "copilot_analytics" in loaded or "copilot_cli" in loaded
    assert loaded & HEAVY == set()
    assert "copilot_analytics.formats" not in loaded


def test_the_look_at_modules_sees_a_heavy_one(repository: Path) -> None:
    assert "numpy" in loaded_by("import copilot_analytics, numpy", repository)


# -------------------------------------------------------------------- the public names


PUBLIC = sorted(name for name in copilot_analytics.__all__ if not name.startswith("_"))


def type_checking_names() -> set[str]:
    """The names that editors and type checkers see: imports under `if TYPE_CHECKING`."""
    assert copilot_analytics.__file__ is not None
    tree = ast.parse(Path(copilot_analytics.__file__).read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for block in tree.body
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        if statement.module.startswith("copilot_analytics")
        for alias in statement.names
    }


def own_docstring(thing: Any) -> str:
    """The docstring written for this object: not inherited, not made up by `dataclass`."""
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    if inspect.isclass(thing) and (text or "").startswith(f"{thing.__name__}("):
        return ""
    return (text or "").strip()


def test_all_names_something_and_nothing_twice() -> None:
    names = list(copilot_analytics.__all__)
    assert len(set(names)) == len(names)
    assert PUBLIC, "nothing is public"


def test_all_is_what_type_checkers_see() -> None:
    assert type_checking_names() == set(PUBLIC)


def test_all_is_what_a_reader_finds() -> None:
    for name in PUBLIC:
        getattr(copilot_analytics, name)
    found = {
        name
        for name in dir(copilot_analytics)
        if not name.startswith("_") and not isinstance(getattr(copilot_analytics, name), ModuleType)
    }
    assert found - {"annotations", "TYPE_CHECKING", "Any"} == set(PUBLIC)


def test_star_import_brings_exactly_all(repository: Path) -> None:
    statement = (
        "names = {}; exec('from copilot_analytics import *', names)\n"
        "import copilot_analytics as c; names.pop('__builtins__')\n"
        "assert set(names) == set(c.__all__), set(names) ^ set(c.__all__)"
    )
    assert "copilot_analytics" in loaded_by(statement, repository)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        copilot_analytics.no_such_name  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_what_it_is(name: str) -> None:
    thing = getattr(copilot_analytics, name)
    if not (inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing)):
        pytest.skip("a constant or a type alias has no docstring of its own")
    assert own_docstring(thing), f"{name} has no docstring"
    if inspect.isclass(thing):
        silent = [
            member
            for member, value in vars(thing).items()
            if not member.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, property | classmethod))
            and not inspect.getdoc(getattr(thing, member))
        ]
        assert not silent, f"{name}: no docstring on {', '.join(silent)}"


# -------------------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the tree as it stands."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = run_python("-c", build, str(folder), cwd=repository)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that installing the wheel would add to the import path."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def import_from(site: Path, statement: str) -> subprocess.CompletedProcess[str]:
    """Run a statement where only the standard library and `site` can be imported."""
    code = f"import sys; sys.path.insert(0, {str(site)!r}); {statement}"
    return run_python("-I", "-S", "-c", code, cwd=site.parent)


def test_the_wheel_holds_both_packages_whole(unpacked: Path, repository: Path) -> None:
    for source in (repository / "copilot_analytics", repository / "cli" / "copilot_cli"):
        written = {
            path.relative_to(source.parent)
            for path in source.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        packed = {path.relative_to(unpacked) for path in (unpacked / source.name).rglob("*.*")}
        assert written <= packed
        assert Path(source.name, "py.typed") in packed


def test_the_wheel_adds_two_top_level_names(unpacked: Path) -> None:
    names = {path.name for path in unpacked.iterdir() if path.suffix != ".dist-info"}
    assert names == {"copilot_analytics", "copilot_cli"}


def test_the_wheel_does_not_bring_a_module_named_cli(unpacked: Path) -> None:
    library = import_from(unpacked, "import copilot_analytics; print(copilot_analytics.__file__)")
    assert library.returncode == 0, library.stderr
    assert Path(library.stdout.strip()).is_relative_to(unpacked)
    for name in ("cli", "tests", "sample_logs", "reports", "benchmarks"):
        done = import_from(unpacked, f"import {name}")
        assert f"No module named '{name}'" in done.stderr


def test_the_wheel_says_what_pyproject_says(unpacked: Path, repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (info,) = unpacked.glob("*.dist-info")
    metadata = message_from_string((info / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == "copilot-analytics"
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == ">=3.11"
    needs = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert len(needs) == len(project["dependencies"])
    assert any(line.startswith("nvidia-ml-py<") for line in needs)
    assert not any(line.startswith("pynvml") for line in needs)
    assert "MIT License" in (info / "licenses" / "LICENSE").read_text(encoding="utf-8")
    scripts = configparser.ConfigParser()
    scripts.read_string((info / "entry_points.txt").read_text(encoding="utf-8"))
    assert dict(scripts["console_scripts"]) == {"copilot": "copilot_cli.main:main"}


def test_the_version_is_the_one_of_pyproject(unpacked: Path, repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done = import_from(unpacked, "import copilot_analytics as c; print(c.__version__)")
    assert done.stdout.strip() == project["version"], done.stderr


# ------------------------------------------------------------------------- the tree


def test_folders_at_the_root_are_not_packages(repository: Path) -> None:
    # An editable install puts the root on the import path: an __init__.py here would make a module.
    for name in ("cli", "tests", "sample_logs", "reports", "benchmarks"):
        assert not (repository / name / "__init__.py").exists()


def test_the_changelog_has_an_unreleased_section(repository: Path) -> None:
    assert "\n## [Unreleased]\n" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")


def test_set_up_files_name_no_package_index(repository: Path) -> None:
    for name in ("Makefile", ".ci/run", "pyproject.toml"):
        text = (repository / name).read_text(encoding="utf-8")
        for option in ("--index-url", "--extra-index-url", "--find-links", "--trusted-host"):
            assert option not in text, f"{name} passes {option} to pip"
