# pgcares: building, installing and testing with PostgreSQL's own rules (PGXS).
#
# A new file of src/ needs a line in OBJS; a new test in sql/, test/specs or
# test/t needs none. The version is read from pgcares.control. c-ares comes
# from CARES_PREFIX, from build/cares (see scripts/fetch-c-ares) or from the
# system (also if CARES_PREFIX is empty); a version older than CARES_FLOOR is
# refused here.

CARES_FLOOR = 1.34.9

here := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))
version := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(here)/pgcares.control)

EXTENSION = pgcares pgcares_tools
DATA = pgcares--1.0.sql pgcares_tools--1.0.sql
PGFILEDESC = "pgcares - DNS lookups in SQL"
EXTRA_CLEAN = bench/cares

# The folders of src/ in their one order: a file includes, and refers to, nothing from a
# folder after its own.
FOLDERS = system dns settings statistics flow flight transport engine cache lookup functions lookahead

MODULE_big = pgcares
OBJS = \
	src/cache/cache.o \
	src/cache/cache_part.o \
	src/cache/cache_rules.o \
	src/cache/cache_store.o \
	src/dns/address.o \
	src/dns/alias.o \
	src/dns/encode.o \
	src/dns/exact.o \
	src/dns/fields.o \
	src/dns/idn.o \
	src/dns/json.o \
	src/dns/jsonb.o \
	src/dns/message.o \
	src/dns/name.o \
	src/dns/options.o \
	src/dns/presentation.o \
	src/dns/rdata.o \
	src/dns/rrtype.o \
	src/dns/sound.o \
	src/dns/svcb.o \
	src/dns/ttl.o \
	src/engine/ask.o \
	src/engine/books.o \
	src/engine/burst.o \
	src/engine/chain.o \
	src/engine/channel.o \
	src/engine/events.o \
	src/engine/flush.o \
	src/engine/held.o \
	src/engine/lane.o \
	src/engine/library.o \
	src/engine/replies.o \
	src/engine/report.o \
	src/engine/retry.o \
	src/engine/second.o \
	src/engine/total.o \
	src/engine/wait.o \
	src/engine/window.o \
	src/flight/isolation.o \
	src/flight/nameserver.o \
	src/flight/placeholder.o \
	src/flight/refused.o \
	src/flight/roundtrip.o \
	src/flight/slot.o \
	src/flight/tries.o \
	src/flow/calm.o \
	src/flow/ceiling.o \
	src/flow/joint.o \
	src/flow/loss.o \
	src/flow/near.o \
	src/flow/pace.o \
	src/flow/pause.o \
	src/flow/portion.o \
	src/flow/share.o \
	src/flow/silence.o \
	src/flow/start.o \
	src/flow/trips.o \
	src/functions/arguments.o \
	src/functions/batches.o \
	src/functions/cache_entries.o \
	src/functions/catalog.o \
	src/functions/confirm.o \
	src/functions/edns_options.o \
	src/functions/escapes.o \
	src/functions/getaddrinfo.o \
	src/functions/getnameinfo.o \
	src/functions/grants.o \
	src/functions/host_batches.o \
	src/functions/hosts.o \
	src/functions/labels.o \
	src/functions/message_json.o \
	src/functions/messages.o \
	src/functions/names.o \
	src/functions/records.o \
	src/functions/rows.o \
	src/functions/search.o \
	src/functions/sections.o \
	src/functions/services.o \
	src/functions/statistics.o \
	src/functions/support.o \
	src/lookahead/ahead_row.o \
	src/lookahead/aggregates.o \
	src/lookahead/arguments_ahead.o \
	src/lookahead/call_site.o \
	src/lookahead/call_text.o \
	src/lookahead/changes.o \
	src/lookahead/columns.o \
	src/lookahead/comparisons.o \
	src/lookahead/demands.o \
	src/lookahead/divide.o \
	src/lookahead/early.o \
	src/lookahead/early_errors.o \
	src/lookahead/effects.o \
	src/lookahead/exec.o \
	src/lookahead/explain.o \
	src/lookahead/expressions.o \
	src/lookahead/foreign.o \
	src/lookahead/lookup_functions.o \
	src/lookahead/node.o \
	src/lookahead/parts.o \
	src/lookahead/plan.o \
	src/lookahead/plan_expressions.o \
	src/lookahead/reasons.o \
	src/lookahead/report.o \
	src/lookahead/row_queue.o \
	src/lookahead/rules.o \
	src/lookahead/run.o \
	src/lookahead/safe_functions.o \
	src/lookahead/safe_names.o \
	src/lookahead/safe_types.o \
	src/lookahead/scan.o \
	src/lookahead/shares.o \
	src/lookahead/site_search.o \
	src/lookahead/sites.o \
	src/lookahead/sources.o \
	src/lookahead/table_columns.o \
	src/lookahead/triggers.o \
	src/lookahead/wrappers.o \
	src/lookup/advice.o \
	src/lookup/batch.o \
	src/lookup/batch_order.o \
	src/lookup/batch_put.o \
	src/lookup/batch_search.o \
	src/lookup/call.o \
	src/lookup/extended_error.o \
	src/lookup/host.o \
	src/lookup/host_duplicates.o \
	src/lookup/host_order.o \
	src/lookup/outcome.o \
	src/lookup/prefetch.o \
	src/lookup/prefetch_answer.o \
	src/lookup/prefetch_queue.o \
	src/lookup/prefetch_servers.o \
	src/lookup/prefetch_statement.o \
	src/lookup/prefetch_table.o \
	src/lookup/question.o \
	src/lookup/search_list.o \
	src/lookup/server_batch.o \
	src/lookup/slow_log.o \
	src/lookup/status.o \
	src/pgcares.o \
	src/settings/allowed_servers.o \
	src/settings/channel_config.o \
	src/settings/check.o \
	src/settings/hosts_file.o \
	src/settings/resolv_conf.o \
	src/settings/server.o \
	src/settings/settings.o \
	src/settings/sortlist.o \
	src/settings/values.o \
	src/statistics/counters.o \
	src/statistics/progress.o \
	src/statistics/tallies.o \
	src/statistics/totals.o \
	src/system/cached_file.o \
	src/system/clock.o \
	src/system/file.o \
	src/system/memory.o \
	src/system/pool.o \
	src/system/shared_memory.o \
	src/transport/bare_error.o \
	src/transport/guard.o \
	src/transport/outbox.o \
	src/transport/query.o \
	src/transport/socket.o \
	src/transport/tcp_receive.o \
	src/transport/udp_receive.o \
	src/transport/udp_send.o

PG_CPPFLAGS = -I$(srcdir)/src -DPGCARES_RELEASE='"$(version)"' $(CARES_CPPFLAGS) $(IDN_CPPFLAGS)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -fno-plt
SHLIB_LINK = $(CARES_LIBS) $(IDN_LIBS) -Wl,--version-script=$(srcdir)/src/pgcares.map

# Every test has the extension created, in a UTF8 database without a locale.
REGRESS := $(patsubst $(here)/sql/%.sql,%,$(sort $(wildcard $(here)/sql/*.sql)))
REGRESS_OPTS = --load-extension=pgcares --encoding=UTF8
ENCODING = UTF8
NO_LOCALE = 1
ISOLATION := $(patsubst $(here)/test/specs/%.spec,%,$(sort $(wildcard $(here)/test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test --load-extension=pgcares
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

# Without Knot: what asks no name server.
ifeq ($(NAME_SERVERS),no)
override REGRESS = offline
override ISOLATION =
override undefine TAP_TESTS
endif

PKG_CONFIG ?= pkg-config
IDN_CPPFLAGS := $(shell $(PKG_CONFIG) --cflags libidn2 2>/dev/null)
IDN_LIBS := $(or $(shell $(PKG_CONFIG) --libs libidn2 2>/dev/null),-lidn2)

# Goals that compile nothing do not ask for c-ares.
ifneq ($(filter-out clean distclean maintainer-clean uninstall installcheck bench dist,$(or $(MAKECMDGOALS),all)),)

ifeq ($(origin CARES_PREFIX),undefined)
CARES_PREFIX := $(abspath $(patsubst %/lib/libcares.a,%,$(wildcard $(here)/build/cares/lib/libcares.a)))
endif

ifneq ($(CARES_PREFIX),)
CARES_CPPFLAGS = -I$(CARES_PREFIX)/include -DCARES_STATICLIB
CARES_LIBS = $(CARES_PREFIX)/lib/libcares.a -Wl,--exclude-libs,ALL
cares_found := $(shell sed -n 's/^.define ARES_VERSION_STR *"\(.*\)"/\1/p' $(CARES_PREFIX)/include/ares_version.h 2>/dev/null)
cares_place := in $(CARES_PREFIX)
else
CARES_CPPFLAGS := $(shell $(PKG_CONFIG) --cflags libcares 2>/dev/null)
CARES_LIBS := $(shell $(PKG_CONFIG) --libs libcares 2>/dev/null)
cares_found := $(shell $(PKG_CONFIG) --modversion libcares 2>/dev/null)
cares_place := that pkg-config knows
endif

cares_advice := Install pkg-config and libc-ares-dev $(CARES_FLOOR) or newer; on Debian 12, which has none, run scripts/fetch-c-ares; or name the prefix of your own build with CARES_PREFIX=DIR
ifeq ($(cares_found),)
$(error no c-ares $(cares_place). $(cares_advice))
endif
ifneq ($(shell printf '%s\n' $(CARES_FLOOR) $(cares_found) | sort -V | head -n 1),$(CARES_FLOOR))
$(error the c-ares $(cares_place) is $(cares_found), and pgcares needs $(CARES_FLOOR). $(cares_advice))
endif

endif

# Bitcode lets the server inline functions into expressions. That gains nothing for
# lookups, and making it takes longer than the rest: only "make with_llvm=yes" does.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Inlining across files saves a tenth of the instructions of a lookup. Not with clang,
# which needs a linker of its own for that. "make LTO=" leaves it out.
LTO := $(if $(findstring Free Software,$(shell LC_ALL=C $(CC) --version)),-flto -flto-partition=one)
override CFLAGS += $(LTO)

folders := $(patsubst %/,$(CURDIR)/%,$(sort $(dir $(OBJS))))

# PGXS tracks no headers: an object depends on those of its folder and of the folders
# before it; it must not include any others.
$(foreach folder,$(FOLDERS), \
	$(eval headers += $(wildcard $(srcdir)/src/$(folder)/*.h)) \
	$(eval $(filter src/$(folder)/%,$(OBJS) $(OBJS:.o=.bc)): $(headers)))
src/pgcares.o src/pgcares.bc: $(headers)
$(OBJS) $(OBJS:.o=.bc): $(srcdir)/Makefile $(srcdir)/pgcares.control | $(folders)
$(shlib): $(srcdir)/src/pgcares.map

# Missing only if the build folder is not the source folder.
$(folders):
	$(MKDIR_P) $@

# The test name servers run around the programs that run the tests. TAP tests
# start their own.
ifneq ($(NAME_SERVERS),no)
with_servers = $(srcdir)/test/dns/with-servers
endif
pg_regress_program = $(top_builddir)/src/test/regress/pg_regress
pg_isolation_regress_program = $(top_builddir)/src/test/isolation/pg_isolation_regress
pg_regress_installcheck := $(subst $(pg_regress_program),$(with_servers) $(pg_regress_program),$(pg_regress_installcheck))
pg_isolation_regress_installcheck := $(subst $(pg_isolation_regress_program),$(with_servers) $(pg_isolation_regress_program),$(pg_isolation_regress_installcheck))
override PROVE_FLAGS += -I $(abspath $(srcdir))/test/dns

# The release as git has it, as zip for PGXN and as tar.gz for everybody else.
release := $(shell sed -n '1,/"version"/s/^ *"version": *"\(.*\)".*/\1/p' $(here)/META.json)
.PHONY: dist
dist:
	git -C $(srcdir) archive --prefix=pgcares-$(release)/ --output=$(CURDIR)/pgcares-$(release).zip HEAD
	git -C $(srcdir) archive --prefix=pgcares-$(release)/ --output=$(CURDIR)/pgcares-$(release).tar.gz HEAD

# Lookups per second and their cost; builds for itself.
.PHONY: bench
bench:
	$(srcdir)/bench/run

# The cost of c-ares without pgcares, for bench/run.
bench/cares: $(srcdir)/bench/cares.c
	$(CC) -O2 -Wall -Wextra -Werror $(CARES_CPPFLAGS) -o $@ $< $(CARES_LIBS)
