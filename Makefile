# smtpsend: GNU make, works alone; ./configure only writes a config.mk that overrides.
#
#   make                      build/smtpsend
#   make check                layers, lengths, unit programs, bats suite; ends with a total
#   make check TESTS=tests/tls.bats   the bats files named only (V=1 shows every test)
#   make lint                 format, man pages, shell scripts, -fanalyzer, clang, fuzzers
#   make bench                tests/bench/run
#   make completions          build/completions/, for bash, zsh and fish
#   make install uninstall    PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR=
#   make deb                  build/debian/smtpsend_VERSION_ARCH.deb, of the tree as it is
#   make dist distcheck       smtpsend-VERSION.tar.xz; the same, unpacked and tried
#   make clean distclean format testserver unit
#
# Variants have their folders, so that they live side by side:
#   make SAN=address,undefined  build/san-address-undefined/
#   make COV=1                  build/cov/      (gcov counters)
#   make FUZZ=1                 build/fuzz/     (clang; `make FUZZ=1 fuzz` runs each FUZZ_TIME s)
#   make BUILD=some/folder      anywhere else
# WERROR=1 makes warnings errors, V=1 shows the commands.

VERSION = 0.1.0

# Out of tree, a Makefile made by configure sets srcdir and includes this one.
srcdir ?= .

# ---- what config.mk, the command line or the environment may override ----
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
DOCDIR     ?= $(DATADIR)/doc/smtpsend
UNITDIR    ?= $(PREFIX)/lib/systemd/system
CFLAGS     ?= -O2 -g
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
AWK        ?= awk
WERROR     ?=
V          ?=
SAN        ?=
COV        ?=
FUZZ       ?=
-include config.mk

comma := ,
# The values of pkg-config where it is, else what works where headers are in the usual place.
pkg = $(or $(shell $(PKG_CONFIG) $(1) $(2) 2>/dev/null),$(3))
POPT_CFLAGS   ?= $(call pkg,--cflags,popt)
POPT_LIBS     ?= $(call pkg,--libs,popt,-lpopt)
GNUTLS_CFLAGS ?= $(call pkg,--cflags,gnutls)
GNUTLS_LIBS   ?= $(call pkg,--libs,gnutls,-lgnutls)
# For SCRAM in the test server alone; without it the server says what it can't do.
GSASL_CFLAGS  ?= $(call pkg,--cflags,libgsasl)
GSASL_LIBS    ?= $(call pkg,--libs,libgsasl)
# Asked once, not for each object.
POPT_CFLAGS   := $(POPT_CFLAGS)
POPT_LIBS     := $(POPT_LIBS)
GNUTLS_CFLAGS := $(GNUTLS_CFLAGS)
GNUTLS_LIBS   := $(GNUTLS_LIBS)
GSASL_CFLAGS  := $(GSASL_CFLAGS)
GSASL_LIBS    := $(GSASL_LIBS)

# ---- the variant ----
BUILD := build
VARIANT_CFLAGS :=
VARIANT_LDFLAGS :=
ifneq ($(FUZZ),)
BUILD := build/fuzz
CC = clang
SANITIZERS := address
VARIANT_CFLAGS := -fsanitize=fuzzer-no-link
else ifneq ($(SAN),)
BUILD := build/san-$(subst $(comma),-,$(SAN))
SANITIZERS := $(SAN)
else ifneq ($(COV),)
BUILD := build/cov
VARIANT_CFLAGS := --coverage -O0
VARIANT_LDFLAGS := --coverage
endif
ifdef SANITIZERS
VARIANT_CFLAGS += -DSANITIZED -fsanitize=$(SANITIZERS) -fno-sanitize-recover=all -fno-omit-frame-pointer
VARIANT_LDFLAGS += -fsanitize=$(SANITIZERS)
endif

# ---- flags ----
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(WERROR),-Werror)
# Fortified libc calls need an optimiser and get in the sanitizers' way.
optimises = $(filter-out -O0,$(filter -O%,$(CFLAGS)))
FORTIFY = $(if $(VARIANT_CFLAGS)$(findstring FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS)),,\
	$(if $(optimises),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
HARDEN = $(FORTIFY) -fstack-protector-strong -fPIE
HARDEN_LD = -pie -Wl,-z,relro,-z,now
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(HARDEN) $(CPPFLAGS) $(CFLAGS) \
	$(VARIANT_CFLAGS) -MMD -MP
# The linker is told of -lresolv and -ldl for C libraries that keep them apart; where nothing
# needs them, --as-needed leaves them out.
LINK = $(CC) $(CFLAGS) $(VARIANT_CFLAGS) $(HARDEN_LD) $(VARIANT_LDFLAGS) $(LDFLAGS)
SYSTEM_LIBS = -Wl,--as-needed -lresolv -ldl
SRC_FLAGS = -I$(srcdir)/src $(POPT_CFLAGS) $(GNUTLS_CFLAGS) \
	-DSMTPSEND_VERSION='"$(VERSION)"' -DSMTPSEND_SYSCONFDIR='"$(SYSCONFDIR)"'
SERVER_FLAGS = -pthread -I$(srcdir)/tests/server $(GNUTLS_CFLAGS) \
	$(if $(GSASL_LIBS),-DHAVE_GSASL $(GSASL_CFLAGS))
# Every file of the program sees banned.h first; tests may use what it bans.
BANNED = -include $(srcdir)/src/base/banned.h

# ---- sources ----
sources = $(patsubst $(srcdir)/%,%,$(wildcard $(addprefix $(srcdir)/,$(1))))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
with = $(if $(2),$(patsubst $(srcdir)/%,%,$(shell grep -l '$(1)' $(addprefix $(srcdir)/,$(2)))))
SRC          := $(call sources,src/*.c src/*/*.c)
SERVER_SRC   := $(call sources,tests/server/*.c)
UNIT_SRC     := $(call sources,tests/unit/*.c)
UNIT_MAIN    := $(call with,^int main\>,$(UNIT_SRC))
FUZZ_SRC     := $(call sources,tests/fuzz/*.c)
FUZZ_MAIN    := $(call with,LLVMFuzzerTestOneInput,$(FUZZ_SRC))
SRC_OBJ      := $(call objects,$(SRC))
LIB_OBJ      := $(filter-out $(BUILD)/obj/src/main.o,$(SRC_OBJ))
SERVER_OBJ   := $(call objects,$(SERVER_SRC))
UNIT_LIB_OBJ := $(call objects,$(filter-out $(UNIT_MAIN),$(UNIT_SRC)))
FUZZ_LIB_OBJ := $(call objects,$(filter-out $(FUZZ_MAIN),$(FUZZ_SRC)))
UNITS        := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_MAIN))
FUZZERS      := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZ_MAIN))
PROGRAM      := $(BUILD)/smtpsend
TESTSERVER   := $(BUILD)/testserver
INJECTORS    := $(BUILD)/inject/kill_at $(BUILD)/inject/fault.so
COMPLETIONS  := $(addprefix $(BUILD)/completions/,smtpsend.bash _smtpsend smtpsend.fish)
MAN          := $(call sources,man/*.[1-9])
DOCS         := $(call sources,README* NEWS* COPYING)
SERVICE      := $(call sources,contrib/systemd/smtpsend*)

quiet = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$(patsubst $(BUILD)/obj/%,%,$@)';)

# ---- build ----
.PHONY: all check lint bench install uninstall dist distcheck clean distclean format \
	testserver unit fuzz objects completions deb FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(if $(FUZZ),$(FUZZERS),$(PROGRAM) $(COMPLETIONS))
testserver: $(TESTSERVER) $(INJECTORS)
unit: $(UNITS)
objects: $(SRC_OBJ) $(SERVER_OBJ) $(INJECTORS)
completions: $(COMPLETIONS)

# The commands themselves are something that objects depend on: changed flags rebuild.
$(BUILD)/flags: export FLAGS = $(COMPILE) $(SRC_FLAGS) $(BANNED) $(SERVER_FLAGS) / $(LINK) \
	$(POPT_LIBS) $(GNUTLS_LIBS) $(GSASL_LIBS) $(SYSTEM_LIBS)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@

$(BUILD)/obj/src/%.o: $(srcdir)/src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) $(BANNED) $(SRC_FLAGS) -c -o $@ $<

$(BUILD)/obj/tests/server/%.o: $(srcdir)/tests/server/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) $(SERVER_FLAGS) -c -o $@ $<

$(BUILD)/obj/tests/%.o: $(srcdir)/tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) $(SRC_FLAGS) -c -o $@ $<

$(PROGRAM): $(SRC_OBJ)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(POPT_LIBS) $(SYSTEM_LIBS)

$(TESTSERVER): $(SERVER_OBJ)
	$(call quiet,LINK)$(LINK) -pthread -o $@ $^ $(GNUTLS_LIBS) $(GSASL_LIBS)

$(BUILD)/inject/kill_at: $(BUILD)/obj/tests/inject/kill_at.o
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -o $@ $^

# Other programs load it: nothing of a variant is in it.
$(BUILD)/inject/fault.so: $(srcdir)/tests/inject/fault.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,LINK)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -fPIC -shared \
		$(LDFLAGS) -o $@ $< -ldl

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(UNIT_LIB_OBJ) $(LIB_OBJ)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -o $@ $^ $(POPT_LIBS) $(SYSTEM_LIBS)

$(BUILD)/completions/smtpsend.bash: dialect = bash
$(BUILD)/completions/_smtpsend: dialect = zsh
$(BUILD)/completions/smtpsend.fish: dialect = fish
$(COMPLETIONS): $(srcdir)/contrib/completions.awk $(srcdir)/src/conf/options.def $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,AWK)$(AWK) -v shell=$(dialect) -v sysconfdir='$(SYSCONFDIR)' -f $< \
		$(srcdir)/src/conf/options.def >$@

ifneq ($(FUZZ),)
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_LIB_OBJ) $(LIB_OBJ)
	$(call quiet,LINK)$(LINK) -fsanitize=fuzzer -o $@ $^ $(POPT_LIBS) $(SYSTEM_LIBS)
endif

-include $(patsubst %.o,%.d,$(SRC_OBJ) $(SERVER_OBJ) $(call objects,$(UNIT_SRC) $(FUZZ_SRC)) \
	$(BUILD)/obj/tests/inject/kill_at.o)

# ---- tests ----
TESTS ?=
check: $(PROGRAM) $(COMPLETIONS) $(TESTSERVER) $(INJECTORS) $(UNITS)
	@SMTPSEND=$(abspath $(PROGRAM)) TESTSERVER=$(abspath $(TESTSERVER)) \
		SMTPSEND_SAN='$(SAN)' V=$(V) \
		$(srcdir)/tests/run $(addprefix --unit ,$(UNITS)) -- $(TESTS)

# BENCH=--quick: 100 MB in place of 1 GB, and fewer runs. BENCH=--servers: against real mail
# servers, as root. BENCH=--queue: the queue, beside up to 100,000 messages. Wants python3.
BENCH ?=
bench: $(PROGRAM) $(TESTSERVER)
	@SMTPSEND=$(abspath $(PROGRAM)) TESTSERVER=$(abspath $(TESTSERVER)) CC='$(CC)' \
		$(srcdir)/tests/bench/run $(BENCH)

# Each fuzzer grows a corpus of its own from the one that is kept in the tree.
FUZZ_TIME ?= 20
fuzz: $(FUZZERS)
	@test -n '$(FUZZERS)' || { echo 'fuzz: say make FUZZ=1 fuzz' >&2; exit 1; }
	@set -e; for f in $(FUZZERS); do name=$${f##*/}; echo "== $$name"; \
		mkdir -p $(BUILD)/corpus/$$name; \
		set -- $(BUILD)/corpus/$$name; \
		for kept in $(srcdir)/tests/fuzz/corpus/$$name; do \
			test ! -d $$kept || set -- "$$@" $$kept; done; \
		$$f -max_total_time=$(FUZZ_TIME) -artifact_prefix=$(BUILD)/$$name- "$$@" \
			>$(BUILD)/$$name.log 2>&1 || { cat $(BUILD)/$$name.log; exit 1; }; \
		tail -n 2 $(BUILD)/$$name.log; done

CLANG_FORMAT ?= clang-format
c_files = $$(find $(srcdir)/src $(srcdir)/tests -name '*.[ch]' | sort)
format:
	$(CLANG_FORMAT) -i $(c_files)

# Every tool has its say before lint fails.
LINT_STEPS := lint-format lint-man lint-shell lint-analyzer lint-clang lint-fuzz
.PHONY: $(LINT_STEPS)
lint:
	@bad=; for step in $(LINT_STEPS); do echo "== $$step"; \
		$(MAKE) --no-print-directory $$step || bad="$$bad $$step"; done; \
	test -z "$$bad" || { echo "lint: failed:$$bad" >&2; exit 1; }; echo 'lint: clean'
lint-format:
	@$(CLANG_FORMAT) --dry-run -Werror $(c_files)
lint-man:
	@$(if $(MAN),mandoc -Tlint -Wwarning $(addprefix $(srcdir)/,$(MAN)))
lint-shell:
	@$(srcdir)/tests/run --shellcheck
lint-analyzer:
	@$(MAKE) --no-print-directory BUILD=build/lint-analyzer CC=gcc WERROR=1 \
		CPPFLAGS='$(CPPFLAGS) -fanalyzer' objects
lint-clang:
	@$(MAKE) --no-print-directory BUILD=build/lint-clang CC=clang WERROR=1 \
		all testserver unit
lint-fuzz:
	@$(if $(FUZZ_MAIN),$(MAKE) --no-print-directory FUZZ=1 WERROR=1 all)

# ---- install ----
man_folder = $(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(1)))
define newline


endef
# systemd's names for the account and the folders of the service; and its README.
sysusers = $(DESTDIR)$(PREFIX)/lib/sysusers.d/smtpsend.conf
tmpfiles = $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/smtpsend.conf
service_docs = $(DESTDIR)$(DOCDIR)/systemd
# Where each shell looks for what packages bring.
bash_completion = $(DESTDIR)$(DATADIR)/bash-completion/completions/smtpsend
zsh_completion  = $(DESTDIR)$(DATADIR)/zsh/site-functions/_smtpsend
fish_completion = $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/smtpsend.fish

install: $(PROGRAM) $(COMPLETIONS)
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 755 $(PROGRAM) $(DESTDIR)$(BINDIR)/smtpsend
	$(INSTALL) -m 644 $(addprefix $(srcdir)/,$(DOCS)) $(DESTDIR)$(DOCDIR)
	$(foreach m,$(MAN),$(INSTALL) -D -m 644 $(srcdir)/$(m) $(call man_folder,$(m))/$(notdir $(m))$(newline)	)
	$(INSTALL) -D -m 644 $(BUILD)/completions/smtpsend.bash $(bash_completion)
	$(INSTALL) -D -m 644 $(BUILD)/completions/_smtpsend $(zsh_completion)
	$(INSTALL) -D -m 644 $(BUILD)/completions/smtpsend.fish $(fish_completion)
	$(INSTALL) -d $(DESTDIR)$(UNITDIR) $(service_docs)
	$(foreach f,$(SERVICE),sed 's|^ExecStart=smtpsend |ExecStart=$(BINDIR)/smtpsend |' \
		$(srcdir)/$(f) >$(DESTDIR)$(UNITDIR)/$(notdir $(f))$(newline)	)
	$(INSTALL) -D -m 644 $(srcdir)/contrib/systemd/sysusers.conf $(sysusers)
	$(INSTALL) -D -m 644 $(srcdir)/contrib/systemd/tmpfiles.conf $(tmpfiles)
	$(INSTALL) -m 644 $(addprefix $(srcdir)/contrib/systemd/,README relay.conf) $(service_docs)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/smtpsend
	rm -f $(foreach m,$(MAN),$(call man_folder,$(m))/$(notdir $(m)))
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,$(notdir $(DOCS)))
	rm -f $(bash_completion) $(zsh_completion) $(fish_completion)
	rm -f $(foreach f,$(SERVICE),$(DESTDIR)$(UNITDIR)/$(notdir $(f))) $(sysusers) $(tmpfiles)
	rm -f $(service_docs)/README $(service_docs)/relay.conf
	-rmdir $(service_docs) $(DESTDIR)$(DOCDIR)

# ---- release ----
# What git has committed, or, where there is no git, the tree less what is built; with a
# configure made, and with nothing in it that differs from one run to the next.
DIST = smtpsend-$(VERSION)
EPOCH ?= $(or $(SOURCE_DATE_EPOCH),$(shell git -C $(srcdir) log -1 --format=%ct 2>/dev/null),0)
dist:
	@rm -rf build/dist && mkdir -p build/dist/$(DIST)
	@if git -C $(srcdir) rev-parse -q --verify HEAD >/dev/null 2>&1; then \
		git -C $(srcdir) archive HEAD | tar -x -C build/dist/$(DIST); \
	else \
		tar -c -C $(srcdir) --exclude=./.git --exclude=./build --exclude=./config.mk \
			--exclude='./config.*' --exclude=./autom4te.cache --exclude='./smtpsend-*' . \
			| tar -x -C build/dist/$(DIST); \
	fi
	@cd build/dist/$(DIST) && { test -x configure || autoconf; } && rm -rf autom4te.cache
	@tar -c -C build/dist --sort=name --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner \
		--mode=go=rX,u+rw $(DIST) | xz -6 >$(DIST).tar.xz
	@rm -rf build/dist
	@echo "$(DIST).tar.xz"

# Prints the path of the package, last. The tree stays as it is.
deb:
	@$(srcdir)/contrib/debian/build $(BUILD)/debian

# The tarball builds outside of a read-only source, passes its checks, installs, and an
# uninstall leaves nothing. DISTCHECK_TESTS: the bats files for it (all: empty).
DISTCHECK_TESTS ?=
distcheck: dist
	@rm -rf build/distcheck && mkdir -p build/distcheck/obj
	tar -xJf $(DIST).tar.xz -C build/distcheck
	chmod -R a-w build/distcheck/$(DIST)
	cd build/distcheck/obj && ../$(DIST)/configure --prefix=/usr >configure.out
	$(MAKE) -C build/distcheck/obj all check TESTS='$(DISTCHECK_TESTS)'
	$(MAKE) -C build/distcheck/obj install DESTDIR=$(abspath build/distcheck/root)
	test -x build/distcheck/root/usr/bin/smtpsend
	test -s build/distcheck/root/usr/share/bash-completion/completions/smtpsend
	$(MAKE) -C build/distcheck/obj uninstall DESTDIR=$(abspath build/distcheck/root)
	@left=$$(find build/distcheck/root ! -type d); test -z "$$left" || \
		{ echo "distcheck: uninstall left $$left" >&2; exit 1; }
	@chmod -R u+w build/distcheck && rm -rf build/distcheck
	@echo "distcheck: $(DIST).tar.xz is good"

clean:
	test ! -d build/distcheck || chmod -R u+w build/distcheck
	rm -rf $(if $(filter build build/%,$(BUILD)),build,$(BUILD))
distclean: clean
	rm -rf config.mk config.log config.status configure autom4te.cache $(DIST).tar.xz
