"""Other systems' programs that ours are timed beside, each in an environment of its own below `var/bench`, made when it can be installed."""

import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RALPH = "ralph-malph[cli]==5.1.0"


def ralph() -> Path | None:
    """The Python of an environment with ralph, made once; None where it cannot be made."""
    python = ROOT / "var" / "bench" / "ralph" / "bin" / "python"
    if not python.exists():
        try:
            venv.create(python.parents[1], with_pip=True)
        except (OSError, subprocess.CalledProcessError):
            return None
    installed = [str(python), "-c", "import ralph.models.converter"]
    if subprocess.run(installed, capture_output=True, check=False).returncode == 0:
        return python
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", RALPH], capture_output=True, check=False)
    return python if subprocess.run(installed, capture_output=True, check=False).returncode == 0 else None
