# Everything runs in an environment of its own, which these rules make once.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: demo test lint fuzz bench web web-test clean

demo: $(VENV)/.demo
	@PATH="$(abspath $(BIN)):$$PATH" sh demo.sh

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

# Ten million inputs, in all of which nothing may go wrong: half a day on one core.
fuzz: $(INSTALLED)
	$(BIN)/python fuzz/mutate.py --runs 10000000 --seed 23

bench: $(INSTALLED)
	$(BIN)/python benchmarks/size.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/blocks.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/jobs.py

# A page that plays streams, into web/dist: web/README.md. Needs Node.
web: $(VENV)/.demo
	$(BIN)/pip install --quiet --editable '.[onnx]'
	$(BIN)/sscodec export onnx --force -o web/model
	cp "$$($(BIN)/python -c 'from sscodec import models; print(models.find().path)')/entropy.safetensors" web/model/
	cd web && npm ci --no-audit --no-fund && npm run build

web-test:
	cd web && npm ci --no-audit --no-fund && npm run lint && npm run check && npm test

clean:
	rm -rf $(VENV) demo dist build web/node_modules web/model web/dist

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

# What tests compare with. Their own dependencies are left out: only their networks are used.
OTHERS = encodec==0.1.1 descript-audio-codec==1.0.0

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[train,eval,interop,onnx,dev]'
	$(BIN)/pip install --quiet --no-deps $(OTHERS)
	touch $@ $(VENV)/.demo
