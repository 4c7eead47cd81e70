"""What this package may not know."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _modules_after(statement):
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_everything_runs_without_torch_django_and_celery():
    """Importing a name set to None fails, as it does where the package is not installed."""
    loaded = _modules_after(
        "import sys\nfor name in ('torch', 'django', 'celery', 'apps', 'marketplace'):\n"
        "    sys.modules[name] = None\n"
        "import pkgutil, importlib, gpu_jobs\n"
        "for each in pkgutil.iter_modules(gpu_jobs.__path__):\n"
        "    importlib.import_module('gpu_jobs.' + each.name)"
    )
    assert "gpu_jobs" in loaded


def test_knowing_the_kinds_loads_no_numbers():
    loaded = _modules_after("from gpu_jobs import contracts, runner")
    assert not loaded & {"numpy", "scipy", "pyarrow", "torch"}
