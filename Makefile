# The two commands of the course are `make lab` and `make test`.
# PYTHON=python3.12 chooses the Python that .venv is made from.

PYTHON ?=
ONLY ?=
FORCE ?=
export PYTHON
# Of another Python; .venv needs neither.
unexport PYTHONHOME PYTHONPATH

RUN := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help set-up lab test lessons docs poster measured checkpoints colab colab-test bench lock clean

help:
	@echo "make lab                 set up (first time: minutes) and open the first lesson"
	@echo "make test                set up, then lint, types, unit tests and every notebook"
	@echo "make lessons             build the notebooks whose lesson changed; ONLY=02 one, FORCE=1 anew"
	@echo "make docs                write what docs/ and README say of the lessons from the lessons"
	@echo "make measured            put seconds and memory of the last make test into README"
	@echo "make poster              draw what was measured here for a wall; ARGS=--fill runs what is missing"
	@echo "make checkpoints         train the shipped weights anew; ONLY=02 those of one lesson, ONLY=digits one recipe"
	@echo "make colab               write dist/colab: notebooks that run alone; ONLY=02 one"
	@echo "make colab-test          run them with Colab's packages, in an empty folder, without a network"
	@echo "make bench               compare with other libraries (35 minutes); ARGS=start one section"
	@echo "make lock                pin the packages of pyproject.toml in requirements.lock"
	@echo "make clean               delete .venv, .venv-bench, caches and saved training (.course); not work/"

set-up:
	@python=$$(sh tools/find_python.sh) && "$$python" tools/set_up.py

lab: set-up
	@$(RUN) -m course_utils.notebook.machine
	@$(RUN) tools/lab.py $(ARGS)

test: set-up
	@$(RUN) tools/run_tests.py $(ARGS)

lessons: set-up
	@$(RUN) tools/build_notebooks.py $(if $(ONLY),--only $(ONLY)) $(if $(FORCE),--force)
	@$(RUN) tools/write_docs.py

docs: set-up
	@$(RUN) tools/write_docs.py $(ARGS)

measured: set-up
	@$(RUN) tools/measured.py $(ARGS)

poster: set-up
	@$(RUN) tools/make_poster.py $(ARGS)

checkpoints: set-up
	@$(RUN) tools/ship_checkpoints.py $(if $(ONLY),--only $(ONLY))

colab: set-up
	@$(RUN) tools/make_colab.py $(if $(ONLY),--only $(ONLY))

colab-test: colab
	@$(RUN) tools/run_colab.py $(if $(ONLY),--only $(ONLY))

bench: set-up
	@$(RUN) bench/set_up.py
	@.venv-bench/bin/python bench/run.py $(ARGS)

lock: set-up
	@$(RUN) tools/lock.py $(ARGS)

clean:
	rm -rf .venv .venv-bench .venv-colab .course .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
