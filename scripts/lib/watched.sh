# watched.sh - the tests on a server that a checker watches; sourced by check
#
# The checker is "sanitizers" (address and undefined behaviour) or "valgrind" (with its
# search for lost memory). pgcares is built anew, with the sanitizers and CHECK_BOOKS,
# and for both so that malloc() gives each piece of memory. Only the server is watched: the tests find
# its programs in a folder in which "postgres" starts the real one under the checker.
# PGCARES_WATCHED has the checker's name, for tests that measure time or memory. A
# report that names pgcares or c-ares is a failure; reports about the server alone are
# ignored.

# run_watched CHECKER REGRESS TAP: the SQL tests and the TAP tests of these names.
run_watched()
{
	local checker=$1 regress=$2 tap=$3 place=$work/tmp/$1
	local clean=("${clean[@]}" "PGCARES_WATCHED=$checker" PGCARES_DEEP= "TEMP_CONFIG=$place/settings.conf"
		PGCTLTIMEOUT=600 PG_TEST_TIMEOUT_DEFAULT=900)
	local programs=("bindir=$place/bin") jobs=1 step_limit=$((6 * 3600)) title="PostgreSQL $major, watched by $checker"

	heading "a server watched by $checker"
	step bash -c "$(declare -f inside_watch); inside_watch \"\$@\"" watch "$checker" "$place" "$work" || {
		verdict 1 "a server can be watched by $checker"
		return
	}
	[ -z "$regress" ] || run_regress $regress
	[ -z "$tap" ] || run_tap $tap
	step bash -c "$(declare -f inside_reports); inside_reports \"\$@\"" reports "$checker" "$place"
	verdict $? "no report of $checker about pgcares or c-ares"
}

# Makes the folder of programs, and the settings for the watched pgcares.
inside_watch()
{
	local checker=$1 place=$2 stage=$3/stage bindir watched flags=-DMALLOC_ONLY

	mkdir -p "$place/bin" "$place/reports"
	cp "$3/settings.conf" "$place" || return
	bindir=$(pg_config --bindir)
	ln -s "$bindir"/* "$place/bin"
	# pg_ctl would take the "postgres" beside itself, as initdb does
	rm "$place/bin/postgres" "$place/bin/pg_ctl"

	[ "$checker" = valgrind ] || flags+=' -DCHECK_BOOKS -fsanitize=address,undefined -fno-omit-frame-pointer'
	mkdir "$place/tree"
	tar -cf - --exclude='*.o' --exclude='*.so' --exclude=./tmp_check --exclude=./results . | tar -C "$place/tree" -xf - &&
		make -s -C "$place/tree" -j "$(nproc)" with_llvm=no COPT="$flags" install DESTDIR="$place/stage" > "$place/log" 2>&1 ||
		{ cat "$place/log"; return 1; }
	sed -i "s,'$stage,'$place/stage,g" "$place/settings.conf"

	if [ "$checker" = sanitizers ]; then
		# On Debian 12, libgpg-error allocates under a lock that the start of the
		# sanitizer wants; a first allocation before all others avoids that.
		echo '#include <stdlib.h>
			static void __attribute__((constructor)) early(void) { free(malloc(1)); }' > "$place/early.c"
		gcc -O0 -shared -fPIC -Wl,-z,initfirst -o "$place/early.so" "$place/early.c" || return
		watched="env \"LD_PRELOAD=$(gcc -print-file-name=libasan.so):$place/early.so\${LD_PRELOAD:+:\$LD_PRELOAD}\" \
			ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1"
	else
		watched="valgrind --quiet --leak-check=full --show-leak-kinds=definite --num-callers=30 --fullpath-after= \
			'--log-file=$place/reports/valgrind.%p'"
	fi
	printf '%s\n' '#!/bin/sh' "exec $watched '$bindir/postgres' \"\$@\"" > "$place/bin/postgres"
	printf '%s\n' '#!/bin/sh' "exec '$bindir/pg_ctl' -p '$place/bin/postgres' \"\$@\"" > "$place/bin/pg_ctl"
	chmod +x "$place/bin/postgres" "$place/bin/pg_ctl"
}

# Prints the reports that name pgcares or c-ares. Those of the sanitizers are in the
# servers' logs, and of nothing else; those of valgrind are in files for each process,
# separated by lines with nothing but its number.
inside_reports()
{
	local checker=$1 place=$2 reports files=()

	if [ "$checker" = sanitizers ]; then
		files=(log/*.log tmp_check/log/*.log)
		reports=$(grep -hE -A 25 'runtime error: |ERROR: AddressSanitizer' "${files[@]}" 2> /dev/null)
	else
		files=("$place"/reports/*)
		reports=$(awk 'FNR == 1 { print "" } { sub(/^==[0-9]+== */, ""); print }' "${files[@]}" |
			awk -v RS= -v ORS='\n\n' '/\/src\/[a-z_\/]+[.]c:|pgcares[.]so|libcares/')
	fi
	echo "${#files[@]} files"
	[ -z "$reports" ] || { head -n 400 <<< "$reports"; return 1; }
}
