# tap.sh - the TAP tests; sourced by check
#
# Files run side by side, each in a network of its own (scripts/timed). Those that say
# "# Alone:" run one after the other when these are done. The output of a file is
# shown in one piece when it is over.
#
# If up to MOST_AGAIN files fail beside others, each of them runs once more when no other
# file does, and that run counts: a processor that others use makes answers late. The
# first failure is told all the same.

MOST_AGAIN=3

# says WORD FILE: does the comment at the top of a test say so, and why?
says()
{
	sed -n '/^#/!q; p' "$2" | grep -q "^# $1: [a-z]"
}

run_tap()
{
	local beside=() alone=() file

	for file; do
		if [ "$jobs" -gt 1 ] && says Alone "$repository/test/t/$file.pl"; then
			alone+=("$file")
		else
			beside+=("$file")
		fi
	done
	: > "$work/files"
	[ "${#programs[@]}" -gt 0 ] || ! quick_initdb || local programs=("bindir=$work/tmp/bin")
	[ "${#beside[@]}" = 0 ] || measure "TAP" prove_files "$jobs" "${beside[@]}"
	[ "${#alone[@]}" = 0 ] || measure "TAP, one after the other" prove_files 1 "${alone[@]}"
	sort -rn "$work/files" | head -n 10 | while read -r seconds processor file; do
		took "$seconds $processor" "$file"
	done
}

# Makes a folder of the server's programs with an "initdb" that copies a cluster if
# its options are those of nearly all tests: that takes a third of the time.
quick_initdb()
{
	run bash -c '
		place=$TMPDIR/bin bindir=$1
		mkdir "$place" && ln -s "$bindir"/* "$place" && rm "$place/initdb" &&
			"$bindir/initdb" -D "$TMPDIR/cluster" -A trust -N > "$TMPDIR/initdb.log" 2>&1 &&
			printf "%s\n" "#!/bin/sh" \
				"[ \"\$1 \$3 \$4 \$5 \$#\" != \"-D -A trust -N 5\" ] || exec cp -RPp \"$TMPDIR/cluster\" \"\$2\"" \
				"exec \"$bindir/initdb\" \"\$@\"" > "$place/initdb" &&
			chmod +x "$place/initdb"' initdb "$bindir"
}

# prove_files JOBS FILE...: runs the files, JOBS at a time.
prove_files()
{
	local jobs=$1 status good bad file again

	shift
	heading "TAP, $jobs at a time"
	step make -s with_llvm=no installcheck "${programs[@]}" REGRESS= ISOLATION= \
		PROVE_TESTS="$(printf 'test/t/%s.pl ' "$@")" \
		PROVE_FLAGS="--jobs $jobs --verbose --merge --timer --exec 'scripts/timed -I$("$bindir/pg_config" --pkglibdir)/pgxs/src/test/perl -Itest/dns'"
	status=$?
	mapfile -t again < <(failed_files)
	if [ "$jobs" = 1 ] || [ "${#again[@]}" -gt "$MOST_AGAIN" ]; then
		again=()
	elif [ "${#again[@]}" -gt 0 ]; then
		status=0
	fi
	read -r good bad < <(tally "${again[@]}")
	[ "${#again[@]}" -gt 0 ] || bad=$((bad + $(failed_files silently | wc -l)))
	# after a "Bail out!", or when the time is over, the rest does not run
	for file; do
		grep -qF "test/t/$file.pl ." "$work/output.log" || {
			bad=$((bad + 1))
			note_failures <<< "test/t/$file.pl: did not run"
		}
	done
	awk '/^\[[0-9:]+\] test\/t\// { file = $2 } /^# took [0-9.]+ s, / { print $3, $5, file }' "$work/output.log" >> "$work/files"
	failures | sed "s/^/${again:+beside others, }/" | note_failures
	count "$status" "$good" "$bad"
	for file in $(failed_files); do
		file=$(basename "$file" .pl)
		show "$work/tree/tmp_check/log/regress_log_$file" "$work/tree/tmp_check/log/${file}"_*.log
	done
	[ "${#again[@]}" = 0 ] || measure "TAP, again" prove_files 1 $(basename -s .pl "${again[@]}")
}

# tally FILE...: prints how many assertions held and how many failed, but for these files.
tally()
{
	awk -v others=" $* " '
		/^\[[0-9:]+\] test\/t\// { counts = !index(others, " " $2 " ") }
		counts && /^ok [0-9]/ { good++ }
		counts && /^not ok [0-9]/ { bad++ }
		END { print good + 0, bad + 0 }' "$work/output.log"
}

# Prints each assertion that failed with its file and what it says, and each file that
# died.
failures()
{
	awk '
		/^\[[0-9:]+\] test\/t\// { file = $2 }
		/^not ok [0-9]/ { print file ": " $0; more = 8; next }
		/^#/ && more > 0 { print file ": " $0; more--; next }
		/^$/ { next }
		{ more = 0 }' "$work/output.log"
	failed_files silently | sed 's/$/: ended before its time/'
}

# Prints the TAP files that failed, from the summary that prove ends with. Given
# "silently", only those without a failed assertion: they died, or their plan
# was not fulfilled.
failed_files()
{
	awk -v silently="${1:-}" '
		function failure() {
			if (file != "" && (!silently || none))
				print file
			file = ""
		}
		/^test\/.*\(Wstat: / { file = $1; none = /Failed: 0\)/ }
		/^test\/.*\(Wstat: [1-9]/ { failure() }
		/^  (Parse errors|Failed tests?):/ { failure() }' "$work/output.log"
}
