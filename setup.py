"""What is not Python travels in the wheel, below rugpt_core/project; everything else about the build is in
pyproject.toml."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = ("presets/*.yml", "notebooks/*.ipynb", "notebooks/ru/*.ipynb", "data/*.yml", "data/*.npz", "data/judging/*",
           "data/prompts/**/*", "data/sample/*.json*", "data/sample/*.csv", "report/*.md", "report/*.bib",
           "report/style/**/*", "benchmarks/results/topics.json", "benchmarks/results/curves.json", "study/*.yml",
           "study/results/*/*.json", "models/*.json", "models/*/*")


class WithProject(build_py):
    """Copies presets, notebooks, data and templates into the package; an editable install finds them in the
    checkout."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib)/"rugpt_core"/"project"
        shutil.rmtree(target, ignore_errors=True)
        for file in sorted(f for pattern in CARRIED for f in Path().glob(pattern) if f.is_file()):
            (target/file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target/file)


setup(cmdclass={"build_py": WithProject})
