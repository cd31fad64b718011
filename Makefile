# make        build into build/
# make run    install what is missing, build, make the guest image, start the cloud: ./alamo up
# make test   all tests; the last line is "N passed, N failed, N skipped"
# The rest: make asan, conformance, bench, crash-real, clean.

all: build/build.ninja
	@ninja -C build

build/build.ninja:
	@tools/install-packages build
	@meson setup build > build.log 2>&1 || { cat build.log; rm -rf build build.log; exit 1; }
	@rm -f build.log

run:
	@tools/install-packages build run guest
	@tools/step build $(MAKE) -s all
	@tools/step "guest image" guest/build-micro guest/out
	@./alamo up

test:
	@tools/install-packages
	@tools/install-packages test
	@tools/step build $(MAKE) -s all
	@tools/step "guest image" guest/build-micro guest/out
	@tools/run-tests

# The same unit tests with AddressSanitizer and UndefinedBehaviorSanitizer.
asan:
	@[ -d build-asan ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false > /dev/null
	@ninja -C build-asan
	@tools/test-unit build-asan

conformance: all
	@tests/conformance/run

bench: all
	@bench/run

crash-real: all
	@tests/crash/real

clean:
	rm -rf build build-asan guest/out

.PHONY: all run test asan conformance bench crash-real clean
