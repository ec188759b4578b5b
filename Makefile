# Words for the command line; make passes them on. Everything that thinks lives in pipeline/, heads/ and scripts/.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3 python3.12 python3.11; do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed

DATASET ?= demo
STORE ?= store
RUNS ?= runs
DATA ?= data
WEIGHTS ?= weights
DEVICE ?= cpu
EXECUTOR ?= local
ALLOW_FAILED ?= 0
SEEDS ?= 5
HEAD ?= sem_ib_dml
GRID ?= demo
RUN ?= demo
export PLUGINS := $(PLUGINS)

# A variable of the command line that nothing here reads is an error; those of the environment are other programs' own.
override given := $(strip $(foreach .v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(.v)))),$(.v))))
override q = '$(subst ','\'',$(1))'
override reader := $(if $(given),$(or $(wildcard $(PY)),$(PYTHON)))
override wrong := $(if $(reader),$(shell $(reader) $(call q,$(dir $(firstword $(MAKEFILE_LIST)))scripts/make_words.py) $(call q,$(or $(MAKECMDGOALS),help)) \
	$(foreach .v,$(given),$(call q,$(.v)=$(value $(.v)))) || echo 'the variables cannot be checked: $(reader) failed, see above'))
ifneq ($(wrong),)
$(error $(wrong))
endif

option = $(if $($(2)),--$(1) $(call q,$($(2))))
where = --dataset $(call q,$(DATASET)) --store $(call q,$(STORE))
pixels = $(where) $(call option,root,ROOT) --data $(call q,$(DATA)) --weights $(call q,$(WEIGHTS)) --device $(call q,$(DEVICE)) \
	--executor $(call q,$(EXECUTOR)) $(call option,scheduler,SCHEDULER) $(call option,workers,WORKERS) $(call option,threads,THREADS) $(call option,stages,STAGES) $(call option,config,CONFIG) \
	$(call option,box,BOX) $(call option,max-pixels,MAX_PIXELS) $(if $(filter 1 yes true on,$(UNTRAINED)),--untrained) --allow-failed $(call q,$(ALLOW_FAILED))
scoring = --runs $(call q,$(RUNS)) --device $(call q,$(DEVICE)) $(call option,threads,THREADS) $(call option,mapping,MAPPING)
trained = --seeds $(call q,$(SEEDS)) $(call option,set,SET) $(call option,name,NAME)
training = $(where) $(scoring) $(trained)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## draw a data set, extract every stage, train ten heads, print two tables
	@$(PY) -m scripts.demo --store $(call q,$(STORE)) --runs $(call q,$(RUNS)) --data $(call q,$(DATA)) --seeds $(call q,$(SEEDS))

.PHONY: demo-video
demo-video: $(READY) ## draw clips, extract looks, flow and joints, train a head on each, print which tells what: [SEEDS=3]
	@$(PY) -m scripts.demo_video --store $(call q,$(STORE)) --runs $(call q,$(RUNS)) --data $(call q,$(DATA)) $(if $(filter-out file,$(origin SEEDS)),--seeds $(call q,$(SEEDS)))

.PHONY: extract
extract: $(READY) ## pixels to cache: DATASET= ROOT= [STAGES="sem2vec body"] [UNTRAINED=1] [ALLOW_FAILED=N] [DEVICE=cuda] [EXECUTOR=dask] [BOX=xywh] [MAX_PIXELS=N]
	@$(PY) -m pipeline extract $(pixels)

.PHONY: weights
weights: $(READY) ## fetch the trained weights: DATASET= [STAGES=] [CONFIG=] [WEIGHTS=folder] [LIST=1] [JSON=1] [MIRROR=http://host/folder] [CHECK=1 [IMAGE=photo.jpg]]
	@$(PY) -m pipeline weights --dataset $(call q,$(DATASET)) --weights $(call q,$(WEIGHTS)) $(call option,stages,STAGES) $(call option,config,CONFIG) \
		$(call option,mirror,MIRROR) $(call option,stall,STALL) $(call option,attempts,ATTEMPTS) $(if $(filter 1 yes true on,$(LIST)),--list) $(if $(filter 1 yes true on,$(CHECK)),--check) $(call option,image,IMAGE) $(if $(filter 1 yes true on,$(JSON)),--json)

.PHONY: retry
retry: $(READY) ## extract again what failed: DATASET= ROOT=
	@$(PY) -m pipeline retry $(pixels)

.PHONY: repair
repair: $(READY) ## delete what verify condemned and extract it again: DATASET= ROOT=
	@$(PY) -m pipeline repair $(pixels)

.PHONY: verify
verify: $(READY) ## check every byte of the store, and extract some images again: DATASET= [SAMPLE=50 DRAW=0 ROOT= STAGES= WEIGHTS= DEVICE=cuda]
	@$(PY) -m pipeline verify $(where) $(call option,sample,SAMPLE) $(call option,draw,DRAW) $(call option,root,ROOT) --data $(call q,$(DATA)) \
		$(call option,stages,STAGES) --weights $(call q,$(WEIGHTS)) --device $(call q,$(DEVICE)) $(call option,threads,THREADS)

.PHONY: status
status: $(READY) ## what the store holds, and what changed since it was made: DATASET= [JSON=1]
	@$(PY) -m pipeline status $(where) $(if $(filter 1 yes true on,$(JSON)),--json)

.PHONY: stats
stats: $(READY) ## a dataset in numbers and pictures, from the store alone, in stats/DATASET: DATASET= [OUT=] [MAPPING=]
	@$(PY) -m scripts.stats $(where) $(call option,mapping,MAPPING) $(call option,out,OUT)

.PHONY: export
export: $(READY) ## people and features for other programs, in exports/DATASET-FORMAT: DATASET= FORMAT=hf|npy|csv [STAGES="image body/pooled"] [SPLIT=test] [EVERYONE=1] [OUT=]
	@$(PY) -m scripts.export $(where) $(call option,format,FORMAT) $(call option,stages,STAGES) $(call option,split,SPLIT) $(call option,out,OUT) \
		$(if $(filter 1 yes true on,$(EVERYONE)),--everyone)

.PHONY: train
train: $(READY) ## one head: HEAD= [DATASET=] [PROTOCOL=] [SEEDS=5] [SET="lr=1e-3 epochs=40"] [MAPPING=] [NAME=] [LOG=1]
	@$(PY) -m heads train --head $(call q,$(HEAD)) $(call option,protocol,PROTOCOL) $(training) $(if $(filter 1 yes true on,$(LOG)),--log)

.PHONY: ablate
ablate: $(READY) ## a grid, as GRID=affect_dml for the paper's tables; run again to go on: GRID= [DATASET=] [SEEDS=5] [SET=] [MAPPING=] [NAME=] [LOG=1] [EXECUTOR=dask]
	@$(PY) -m heads ablate --grid $(call q,$(GRID)) $(training) $(if $(filter 1 yes true on,$(LOG)),--log) --executor $(call q,$(EXECUTOR)) $(call option,scheduler,SCHEDULER) $(call option,workers,WORKERS)

.PHONY: reproduce
reproduce: $(READY) ## a grid's table from the photographs: says what it needs and takes, then does it: GRID= DATASET= ROOT= [PLAN=1] [CONFIG=] [SET=] [UNTRAINED=1] [ALLOW_FAILED=N] [EXECUTOR=dask]
	@$(PY) -m scripts.reproduce --grid $(call q,$(GRID)) $(where) $(call option,root,ROOT) --data $(call q,$(DATA)) --runs $(call q,$(RUNS)) --weights $(call q,$(WEIGHTS)) --device $(call q,$(DEVICE)) \
		--seeds $(call q,$(SEEDS)) $(call option,config,CONFIG) $(call option,box,BOX) $(call option,mapping,MAPPING) $(call option,set,SET) --executor $(call q,$(EXECUTOR)) $(call option,scheduler,SCHEDULER) $(call option,workers,WORKERS) \
		$(call option,mirror,MIRROR) --allow-failed $(call q,$(ALLOW_FAILED)) $(if $(filter 1 yes true on,$(UNTRAINED)),--untrained) $(if $(filter 1 yes true on,$(PLAN)),--plan)

.PHONY: evaluate
evaluate: $(READY) ## score a trained head again, person by person: HEAD= [DATASET=] [PROTOCOL=] and SEEDS, SET, MAPPING or NAME as in train
	@$(PY) -m heads evaluate --head $(call q,$(HEAD)) $(call option,protocol,PROTOCOL) $(training)

.PHONY: submit
submit: $(READY) ## what a trained head or ensemble says of test people whose labels are not public, as a file for their distributors: as evaluate
	@$(PY) -m heads submit --head $(call q,$(HEAD)) $(call option,protocol,PROTOCOL) $(training)

.PHONY: compare
compare: $(READY) ## two trained rows over the same people, with an interval: FIRST=run/row SECOND=run/row
	@$(PY) -m heads compare --runs $(call q,$(RUNS)) -- $(call q,$(FIRST)) $(call q,$(SECOND))

.PHONY: ensemble
ensemble: $(READY) ## trained rows as one, nothing trained again: ROWS="run/row run/row" [HOW=average|maximum] [VOTES=2,2,1] [OUT=ensemble] [MAPPING=]
	@$(PY) -m heads ensemble --store $(call q,$(STORE)) --runs $(call q,$(RUNS)) --device $(call q,$(DEVICE)) $(call option,threads,THREADS) $(call option,mapping,MAPPING) \
		$(call option,how,HOW) $(call option,votes,VOTES) $(call option,out,OUT) -- $(foreach row,$(ROWS),$(call q,$(row)))

.PHONY: mapping
mapping: $(READY) ## people of each class under every protocol, beside the published: DATASET= [MAPPING=mine.toml]
	@$(PY) -m heads mapping $(where) $(call option,mapping,MAPPING)

.PHONY: report
report: $(READY) ## a finished run's table, and its page in runs/RUN/report.html: RUN=demo [HEADS="i_dml sem_ib_dml"] [COLUMNS="map c_f1"] [MAPPING=] [ROOT=]
	@$(PY) -m scripts.report --run $(call q,$(RUN)) --store $(call q,$(STORE)) $(call option,root,ROOT) --data $(call q,$(DATA)) $(scoring) $(call option,heads,HEADS) $(call option,columns,COLUMNS)

.PHONY: panels
panels: $(READY) ## photographs with their scene, their truth and what two rows say, in runs/RUN/panels.html: RUN=demo ROOT= [HEADS="mlp fusion"] [MAPPING=]
	@$(PY) -m scripts.panels --run $(call q,$(RUN)) --store $(call q,$(STORE)) --runs $(call q,$(RUNS)) --device $(call q,$(DEVICE)) $(call option,mapping,MAPPING) $(call option,root,ROOT) --data $(call q,$(DATA)) --weights $(call q,$(WEIGHTS)) $(call option,heads,HEADS)

.PHONY: gallery
gallery: $(READY) ## people as the pipeline saw them, on a page with filters: DATASET= [SPLIT=test LABEL= STATUS=no_face KEY= N=300 ROOT= OUT= FEATURE="body image"]; with a run's answers beside the truth: RUN=demo [HEADS=] [MAPPING=]
	@$(PY) -m scripts.gallery $(where) $(call option,root,ROOT) --data $(call q,$(DATA)) --runs $(call q,$(RUNS)) --weights $(call q,$(WEIGHTS)) --device $(call q,$(DEVICE)) \
		$(call option,split,SPLIT) $(call option,label,LABEL) $(call option,status,STATUS) $(call option,key,KEY) $(call option,most,N) $(call option,feature,FEATURE) $(call option,out,OUT) \
		$(if $(filter-out file,$(origin RUN)),--run $(call q,$(RUN))) $(call option,heads,HEADS) $(call option,mapping,MAPPING)

.PHONY: predict
predict: $(READY) ## emotions in new photographs and videos: HEAD=name|file.safetensors IMAGE=photo.jpg|clip.mp4|folder [FRAMES=120 EVERY=0.5 TRACK=joints.npy] [BOXES="x1,y1,x2,y2 ..."|file.csv] [BOX=xywh] [PEOPLE=faces|objects|pose|head|boxes] [CONFIG=light] [STAGES="pose scene"] [OUT=predictions] [PROTOCOL=] and SEEDS, SET, MAPPING or NAME as in train
	@$(PY) -m scripts.predict $(if $(filter-out file,$(origin HEAD)),--head $(call q,$(HEAD))) $(call option,protocol,PROTOCOL) $(where) $(call option,root,ROOT) --data $(call q,$(DATA)) --runs $(call q,$(RUNS)) $(trained) $(call option,mapping,MAPPING) \
		--weights $(call q,$(WEIGHTS)) --device $(call q,$(DEVICE)) $(call option,config,CONFIG) $(call option,image,IMAGE) $(call option,boxes,BOXES) $(call option,box,BOX) $(call option,max-pixels,MAX_PIXELS) $(call option,people,PEOPLE) $(call option,stages,STAGES) $(call option,out,OUT) $(call option,frames,FRAMES) $(call option,every,EVERY) $(call option,track,TRACK) $(if $(filter 1 yes true on,$(UNTRAINED)),--untrained)

.PHONY: publish
publish: $(READY) ## a trained head as one file to give away, for make predict HEAD=file: HEAD= [DATASET=] [PROTOCOL=] [LICENCE="CC BY 4.0"] [FORMAT=onnx] [OUT=file] and SEEDS, SET, MAPPING or NAME as in train
	@$(PY) -m scripts.publish --head $(call q,$(HEAD)) $(call option,protocol,PROTOCOL) $(training) $(call option,format,FORMAT) $(call option,licence,LICENCE) $(call option,out,OUT)

.PHONY: explain
explain: $(READY) ## what a trained head looked at: KEY=image#number or IMAGE=, HEAD= [DATASET=] [ROOT=] [PROTOCOL=] [BOXES= BOX= PEOPLE=] [CONFIG=] [OUT=explanations] and SEEDS, SET, MAPPING or NAME as in train
	@$(PY) -m scripts.explain --head $(call q,$(HEAD)) $(call option,protocol,PROTOCOL) $(where) $(call option,root,ROOT) --data $(call q,$(DATA)) --runs $(call q,$(RUNS)) $(trained) $(call option,mapping,MAPPING) \
		--weights $(call q,$(WEIGHTS)) --device $(call q,$(DEVICE)) $(call option,config,CONFIG) $(call option,key,KEY) $(call option,image,IMAGE) $(call option,boxes,BOXES) $(call option,box,BOX) $(call option,people,PEOPLE) \
		$(call option,max-pixels,MAX_PIXELS) $(call option,out,OUT) $(if $(filter 1 yes true on,$(UNTRAINED)),--untrained)

.PHONY: plugins
plugins: $(READY) ## every head, stage, dataset, protocol, loss, miner, metric and grid, your own too: [PLUGINS=folder]
	@$(PY) -m scripts.plugins

.PHONY: test-plugins
test-plugins: $(READY) ## the contract suites on your own plug-ins alone: PLUGINS=folder
	@$(PY) -m scripts.try_plugins

.PHONY: docs
docs: $(READY) ## these pages as a site in the folder site, which needs no network to be read
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build
	@echo "written: site/index.html"

.PHONY: test
test: $(READY) ## the tests that run anywhere, in minutes
	@$(PY) -m pytest -n auto -m 'not slow and not gpu and not weights'

.PHONY: test-all
test-all: $(READY) ## the slow tests too
	@$(PY) -m pytest -n auto -m 'not gpu and not weights'

.PHONY: lint
lint: $(READY) ## ruff, mypy, import borders
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache

.PHONY: bench
bench: $(READY) ## speed as ratios in one run, written to bench/
	@$(PY) -m scripts.bench.extract
	@$(PY) -m scripts.bench.resume
	@$(PY) -m scripts.bench.heads
	@$(PY) -m scripts.bench.dask
	@$(PY) -m scripts.bench.plan
	@$(PY) -m scripts.bench.together
	@$(PY) -m scripts.bench.label_heads
	@$(PY) -m scripts.bench.amalgamation
	@$(PY) -m scripts.bench.crowds
	@$(PY) -m scripts.bench.spread

.PHONY: torture
torture: $(READY) ## 300 real kills, 2000 flipped bits, on photographs and on clips, counted in bench/torture.json (half an hour)
	@$(PY) -m scripts.torture

.PHONY: fuzz
fuzz: $(READY) ## 100,000 damaged shards, .mat files and configs, counted in bench/fuzz.json
	@$(PY) -m scripts.fuzz

.PHONY: demo-weights
demo-weights: $(READY) ## train the demo's small networks again (half an hour)
	@$(PY) -m scripts.train_demo_weights

.PHONY: install
install: $(READY) ## make .venv and install into it

# What .venv was installed from, by content: the times of files say nothing. A half-done one has no such file.
content := $(shell { cat pyproject.toml constraints.txt; sed -n '/^# mmpose/,$$p' Makefile; } | cksum)
ifneq ($(content),$(shell cat $(READY) 2>/dev/null))
.PHONY: $(READY)
endif

ifneq ($(shell test -L $(VENV) && echo link),)
$(READY):
	@test -x $(PY) || { echo "error: $(VENV) is a link to a folder without bin/python. rm $(VENV) makes way for one of your own" >&2; exit 2; }
	@echo "note: $(VENV) is a link and was not installed from these pyproject.toml and constraints.txt. It is left as it is; rm $(VENV) makes way for one of your own" >&2
else
# mmpose's metadata asks for packages that do not build and that inference does not need: it goes in without them.
$(READY):
	@test -x $(PY) || test -n "$(PYTHON)" || { echo "error: no Python 3.11 or 3.12 found. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) -m venv failed. Install python3-venv" >&2; exit 2; }
	@echo "installing into $(VENV) (some minutes, about 5 GB)"
	@rm -f $@
	@$(PY) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(PY) -m pip install -q --disable-pip-version-check -c constraints.txt --no-deps mmpose
	@echo '$(content)' > $@
endif
