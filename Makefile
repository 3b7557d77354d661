# pgcares: building, installing and testing with PostgreSQL's own rules (PGXS).
#
# A new file of src/ needs a line in OBJS; a new test in sql/, test/specs or
# test/t needs none. The version is read from pgcares.control. c-ares comes
# from CARES_PREFIX, from build/cares (see scripts/fetch-c-ares) or from the
# system; what is older than CARES_FLOOR is refused here.

CARES_FLOOR = 1.34.9

here := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))
version := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(here)/pgcares.control)

EXTENSION = pgcares
DATA = pgcares--1.0.sql
PGFILEDESC = "pgcares - DNS lookups in SQL"
EXTRA_CLEAN = bench/cares

MODULE_big = pgcares
OBJS = \
	src/addrinfo.o \
	src/address.o \
	src/ahead.o \
	src/alias.o \
	src/argument.o \
	src/ask.o \
	src/bare_error.o \
	src/batch.o \
	src/books.o \
	src/calls.o \
	src/channel.o \
	src/check.o \
	src/clock.o \
	src/config.o \
	src/counters.o \
	src/events.o \
	src/fields.o \
	src/file.o \
	src/flush.o \
	src/guard.o \
	src/host.o \
	src/hosts.o \
	src/hostset.o \
	src/hostsfile.o \
	src/inspect.o \
	src/isolation.o \
	src/json.o \
	src/lane.o \
	src/lookahead_arguments.o \
	src/lookahead_early.o \
	src/lookahead_exec.o \
	src/lookahead_explain.o \
	src/lookahead_expressions.o \
	src/lookahead_functions.o \
	src/lookahead_guard.o \
	src/lookahead_node.o \
	src/lookahead_plan.o \
	src/lookahead_rows.o \
	src/lookahead_rules.o \
	src/lookahead_run.o \
	src/lookahead_scan.o \
	src/lookahead_sites.o \
	src/many.o \
	src/memory.o \
	src/message.o \
	src/messagejson.o \
	src/name.o \
	src/nameinfo.o \
	src/nameserver.o \
	src/octets.o \
	src/outbox.o \
	src/outcome.o \
	src/outgoing.o \
	src/pace.o \
	src/pending.o \
	src/pgcares.o \
	src/placeholder.o \
	src/pool.o \
	src/presentation.o \
	src/push.o \
	src/query.o \
	src/question.o \
	src/rdata.o \
	src/record.o \
	src/refused.o \
	src/resend.o \
	src/roundtrip.o \
	src/rrtype.o \
	src/search.o \
	src/sections.o \
	src/server.o \
	src/service.o \
	src/settings.o \
	src/slot.o \
	src/socket.o \
	src/sortlist.o \
	src/sound.o \
	src/status.o \
	src/support.o \
	src/svcb.o \
	src/system.o \
	src/tcp_receive.o \
	src/udp_receive.o \
	src/udp_send.o \
	src/values.o \
	src/wait.o \
	src/window.o \
	src/wire.o \
	src/written.o

PG_CPPFLAGS = -DPGCARES_RELEASE='"$(version)"' $(CARES_CPPFLAGS) $(IDN_CPPFLAGS)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter
SHLIB_LINK = $(CARES_LIBS) $(IDN_LIBS) -Wl,--version-script=$(srcdir)/src/pgcares.map

# Every test finds the extension made, in a UTF8 database without a locale.
REGRESS := $(patsubst $(here)/sql/%.sql,%,$(sort $(wildcard $(here)/sql/*.sql)))
REGRESS_OPTS = --load-extension=pgcares
ENCODING = UTF8
NO_LOCALE = 1
ISOLATION := $(patsubst $(here)/test/specs/%.spec,%,$(sort $(wildcard $(here)/test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test --load-extension=pgcares
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

PKG_CONFIG ?= pkg-config
IDN_CPPFLAGS := $(shell $(PKG_CONFIG) --cflags libidn2 2>/dev/null)
IDN_LIBS := $(or $(shell $(PKG_CONFIG) --libs libidn2 2>/dev/null),-lidn2)

# Goals that compile nothing do not ask for c-ares.
ifneq ($(filter-out clean distclean maintainer-clean uninstall installcheck bench,$(or $(MAKECMDGOALS),all)),)

ifndef CARES_PREFIX
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

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# No header dependencies are tracked by PGXS: all objects depend on all headers.
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(srcdir)/src/*.h) $(srcdir)/Makefile $(srcdir)/pgcares.control | $(CURDIR)/src
$(shlib): $(srcdir)/src/pgcares.map

# Only missing where the build folder is not the source folder.
$(CURDIR)/src:
	$(MKDIR_P) $@

# The test name servers run around the programs that run the tests. TAP tests
# start their own.
with_servers = $(srcdir)/test/dns/with-servers
pg_regress_program = $(top_builddir)/src/test/regress/pg_regress
pg_isolation_regress_program = $(top_builddir)/src/test/isolation/pg_isolation_regress
pg_regress_installcheck := $(subst $(pg_regress_program),$(with_servers) $(pg_regress_program),$(pg_regress_installcheck))
pg_isolation_regress_installcheck := $(subst $(pg_isolation_regress_program),$(with_servers) $(pg_isolation_regress_program),$(pg_isolation_regress_installcheck))
override PROVE_FLAGS += -I $(abspath $(srcdir))/test/dns

# Lookups per second and what they cost; builds for itself.
.PHONY: bench
bench:
	$(srcdir)/bench/run

# What c-ares takes without us, for bench/run.
bench/cares: $(srcdir)/bench/cares.c
	$(CC) -O2 -Wall -Wextra -Werror $(CARES_CPPFLAGS) -o $@ $< $(CARES_LIBS)
