# make        build into build/
# make run    install what is missing, build, make the guest image, start the cloud: ./alamo up
# make test   all tests; the last line is "N passed, N failed, N skipped"
# The rest: make asan, conformance, bench, crash-all, crash-real, bare-root, clean.

all:
	@tools/install-packages build
	@tools/build

run:
	@tools/install-packages build run guest
	@tools/step build tools/build
	@tools/step "guest image" guest/build-micro guest/out
	@./alamo up

test:
	@tools/install-packages build run guest test
	@tools/step build tools/build
	@tools/step "guest image" guest/build-micro guest/out
	@tools/run-tests

# Unit, functional and crash tests with AddressSanitizer and UndefinedBehaviorSanitizer.
asan:
	@tools/test-asan

conformance: all
	@tests/conformance/run

bench: all
	@bench/run

# Every crash point of the agent alone; `make test` takes each fifth.
crash-all: all
	@STEP=1 tests/host/run "agent-crash.py $(CURDIR)/build/src/alamo-agent"

# The agent dies at each of its driver steps once, with real libvirt, nft and dnsmasq.
crash-real: all
	@tools/install-packages run guest test
	@guest/build-micro guest/out
	@tests/host/crash-real.sh

# `make run` on a fresh Debian root that has git and make only; of what is committed.
bare-root:
	@tests/host/bare-root.sh

clean:
	rm -rf build build-asan guest/out

.PHONY: all run test asan conformance bench crash-all crash-real bare-root clean
