# The whole project in a few words: make run, make test, make lab.
PYTHON ?= python3
VENV ?= .venv
PRESET ?= demo
TIMES ?= 20
SHARE ?= 1
STUDY ?= cpu
BIN := $(VENV)/bin
# Scripts of an environment hold the path at which it was made. So the stamp names the folder, and tools are called as modules:
# in a checkout that was moved, the first command sets the environment up again.
STAMP := $(VENV)/.installed-$(shell pwd -P | cksum | cut -d' ' -f1)

.PHONY: help setup run test test-slow test-kill test-serve bench-load lab report publish readme ru docs bench article study-check record clean

help:
	@echo "make run     set up, run preset $(PRESET) to the rendered report (PRESET=smoke for another)"
	@echo "make test    set up, run the tests, about 10 minutes on two cores"
	@echo "make test-slow  the long ones: notebooks from nothing, in a browser too (Debian: apt-get install chromium)"
	@echo "make test-kill  kill every stage, export, analysis and synthesis at random moments, compare bytes (TIMES=20)"
	@echo "make test-serve install llama.cpp's server (some minutes), serve, ask it from fifty sides at once"
	@echo "make bench-load peak memory of large inputs: 1 GB, many articles, many files, one of 50 MB (SHARE=0.1: a tenth)"
	@echo "make lab     set up, open the notebooks in JupyterLab"
	@echo "make report  render the demo's report and publish it to report/ and figures/"
	@echo "make publish  run the demo, write the pipeline notebooks with its outputs"
	@echo "make readme  write README.md from notebooks/index.ipynb, and the parts of both READMEs that come from files"
	@echo "make ru      write notebooks/ru/ from the notebooks and the tables of translations beside them"
	@echo "make docs    write the reference of the module to docs/"
	@echo "make bench   measure against peers, results in benchmarks/results/"
	@echo "make study-check  evaluate every claim of the study over its committed results (STUDY=cpu)"
	@echo "make article  write the article of the study to report/study.*.html and .pdf from the committed results"
	@echo "make record  ask a local language model for what the recording lacks, drop what no preset asks"
	@echo "make clean   remove runs and caches (the environment in $(VENV) stays)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "rugpt needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@ls $(VENV)/.installed-* >/dev/null 2>&1 && ! test -e $@ && echo "this checkout was moved: its environment is set up again" || true
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	rm -f $(VENV)/.installed*
	touch $@

run: setup
	$(BIN)/python -m rugpt_core run --preset $(PRESET)

test: setup
	$(BIN)/python -m pytest

test-slow: setup
	$(BIN)/python -m pytest -m slow --dist worksteal

test-kill: setup
	$(BIN)/python tests/kill_everything.py --times $(TIMES)

test-serve: setup
	$(BIN)/python -c "import llama_cpp, uvicorn" || $(BIN)/python -m pip install -c constraints.txt -e ".[serve]"
	$(BIN)/python -m pytest tests/test_serve.py tests/test_serving.py tests/test_export.py -m "slow or not slow"

bench-load: setup
	$(BIN)/python benchmarks/load.py --share $(SHARE)

lab: setup
	$(BIN)/python -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/index.ipynb

report: setup
	$(BIN)/python -m rugpt_core run --preset demo
	$(BIN)/python -m rugpt_core report --preset demo --publish

publish: setup
	$(BIN)/python -m rugpt_core run --preset demo --run-dir runs/demo
	$(BIN)/python notebooks/publish.py

readme: setup
	$(BIN)/python benchmarks/results/table.py
	$(BIN)/python docs/readme.py
	$(BIN)/python -m nbconvert --to markdown --output-dir . --output README notebooks/index.ipynb

ru: setup
	$(BIN)/python notebooks/ru/translate.py

docs: setup
	$(BIN)/python docs/build.py

bench: setup
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

article: setup
	$(BIN)/python -m rugpt_core study --preset $(STUDY) --article

study-check: setup
	$(BIN)/python -m rugpt_core study --preset $(STUDY) --check

record: setup
	$(BIN)/python -c "import llama_cpp, uvicorn" || $(BIN)/python -m pip install -c constraints.txt -e ".[local-llm]"
	$(BIN)/python data/sample/record_llm.py

clean:
	rm -rf runs .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
