"""Finds formats, analyzers and diagnoses: one new file is all it takes.

A module in ``copilot_analytics.formats`` names its format ``FORMAT``, one in ``analyzers`` its
class ``ANALYZER``, one in ``diagnoses`` its rule ``DIAGNOSIS``. Other distributions offer theirs
by an entry point in the group ``copilot_analytics.formats`` (``.analyzers``, ``.diagnoses``).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from copilot_analytics.errors import PluginError


@cache
def discover(package: str, attribute: str) -> dict[str, Any]:
    """Return what the modules of a package and its entry points offer, by name.

    Parameters
    ----------
    package
        Dotted name of the package, which is also the entry-point group.
    attribute
        Name of the module-level object. It must have a ``name``.

    Returns
    -------
    dict
        In the order of the names. Modules whose name begins with an underscore are skipped.

    Raises
    ------
    PluginError
        If a module lacks the attribute, or two offer the same name.

    Examples
    --------
    >>> "mmengine_text" in discover("copilot_analytics.formats", "FORMAT")
    True
    """
    home = importlib.import_module(package)
    offers = []
    for module_info in pkgutil.iter_modules(home.__path__, package + "."):
        if module_info.name.rpartition(".")[2].startswith("_"):
            continue
        module = importlib.import_module(module_info.name)
        if not hasattr(module, attribute):
            msg = f"{module_info.name} defines no {attribute}; add one or begin its name with '_'"
            raise PluginError(msg)
        offers.append((module_info.name, getattr(module, attribute)))
    for point in entry_points(group=package):
        try:
            offers.append((point.value, point.load()))
        except Exception as error:
            msg = f"the plug-in {point.value} cannot be loaded: {error}; uninstall or repair it"
            raise PluginError(msg) from error
    found: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, offer in offers:
        name = getattr(offer, "name", None)
        if not isinstance(name, str):
            msg = f"{origin}: {attribute} has no name"
            raise PluginError(msg)
        if name in found:
            msg = f"{origin} and {origins[name]} both offer {name!r}; rename one"
            raise PluginError(msg)
        found[name], origins[name] = offer, origin
    return dict(sorted(found.items()))
