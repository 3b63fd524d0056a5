"""Finds `schemas/`, our data that is not code: beside the checkout, or inside the wheel as `leerstroom/_schemas`."""

from functools import cache
from pathlib import Path
from typing import Any

from leerstroom.errors import ConfigurationError


@cache
def folder() -> Path:
    """The folder `schemas`. Raises ConfigurationError where neither checkout nor wheel has one."""
    here = Path(__file__).resolve().parent
    for candidate in (here / "_schemas", here.parent / "schemas"):
        if candidate.is_dir():
            return candidate
    raise ConfigurationError(f"no schemas folder beside {here}; install leerstroom again")


def read_yaml(name: str) -> Any:
    """The YAML file `name` of the schemas folder as plain values. Raises ConfigurationError when it is missing or malformed."""
    return load_yaml(folder() / name)


def load_yaml(path: Path) -> Any:
    """Any YAML file as plain values, by the safe loader. Raises ConfigurationError when it is missing or malformed."""
    import yaml

    try:
        with path.open("rb") as stream:
            return yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # ruff: ignore[unsafe-yaml-load] - both are safe loaders
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); check the path and its rights") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no valid YAML: {' '.join(str(error).split())}") from error
