# Everything a developer types. Only Python 3.11 or newer, make and a package index are needed.
PYTHON ?= python3
BIN := .venv/bin
# The locks name every package, so nothing is resolved here. uv installs them in seconds where it reaches
# the package index; pip, which knows this machine's own index settings, does it otherwise.
UV := uv==0.13.9
define install
	@$(BIN)/uv pip install --quiet --no-deps $(1) 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(1)
endef

.PHONY: run test check bench lock screenshots words clean

run: .venv/run
	@$(BIN)/switchboard run

test: .venv/test
	@$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

check: .venv/test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/test
	@$(BIN)/python -m tests.bench

# Pictures of the pages for README.md and docs/.
screenshots: .venv/test
	@$(BIN)/python -m tests.e2e.screenshots

# Bring the dashboard's catalogues up to what its pages say now.
words: .venv/run
	@$(BIN)/python -c "from bot.dashboard.catalogue import update; update()"

# Pin again what pyproject.toml asks for.
lock: .venv/test
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header \
		pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header \
		pyproject.toml --extra test --extra otel -c requirements.lock -o requirements-test.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Switchboard needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV) || true

.venv/run: .venv/bin/python requirements.lock pyproject.toml
	@echo "installing Switchboard into .venv"
	$(call install,-r requirements.lock)
	$(call install,--editable .)
	@touch $@

.venv/test: .venv/run requirements-test.lock
	@echo "installing what the tests need into .venv"
	$(call install,-r requirements-test.lock)
	@touch $@

clean:
	rm -rf .venv build *.egg-info
