# parts.sh - what a run of check was: its versions, the time of each part, and what failed
#
# Sourced by check.
#
# Measures elapsed time, which other work on the machine makes longer, and processor
# time of all processes that have ended. The line of each part begins with "took". A
# run of check that starts others adds their lines to its own.

# measure NAME COMMAND...: runs it in this shell, and records its time.
measure()
{
	local name=$1 start=${EPOCHREALTIME/,/.} status

	shift
	times > "$work/before.times"
	"$@"
	status=$?
	times > "$work/after.times"
	took "$(LC_ALL=C awk -v from="$start" -v to="${EPOCHREALTIME/,/.}" '
		# of the second line, which is for the processes: 1m2.345s
		FNR == 2 { for (i = 1; i <= 2; i++) { split($i, part, "m"); seconds[FILENAME] += 60 * part[1] + part[2] } }
		END { print to - from, seconds[ARGV[2]] - seconds[ARGV[1]] }' "$work/before.times" "$work/after.times")" "$name"
	return "$status"
}

# took "SECONDS SECONDS" NAME: records a time that was measured elsewhere.
took()
{
	LC_ALL=C awk -v title="${title:-PostgreSQL $major}" -v name="$2" '
		{ printf "took %7.1f s, %7.1f s of processor time: %s, %s\n", $1, $2, title, name }' <<< "$1" >> "$work/parts"
}

# Records the versions that were tested: a test that a release lacks was not run.
tell_versions()
{
	local cares

	cares=$(sed -n 's/^#define ARES_VERSION_STR *"\(.*\)"/\1/p' "$work/tree/build/cares/include/ares_version.h" 2> /dev/null)
	echo "ran with PostgreSQL $("$bindir/postgres" --version | sed 's/^[^0-9]*\([0-9.a-z]*\).*/\1/')," \
		"c-ares ${cares:-$(pkg-config --modversion libcares)}, $(. /etc/os-release; echo "$PRETTY_NAME")" >> "$work/versions"
}

# Records each line that it reads: something failed. A log that is cut at its beginning
# tells what, too.
note_failures()
{
	sed "s/^/failed: ${title:-PostgreSQL $major}, /" >> "$work/failures"
}

# Takes over the parts, versions and failures of another run of check, from its output.
take_parts()
{
	grep '^took ' "$1" >> "$work/parts"
	grep '^ran with ' "$1" >> "$work/versions"
	grep '^failed: ' "$1" >> "$work/failures"
}

show_parts()
{
	heading "time"
	cat "$work/parts" "$work/versions" 2> /dev/null
	[ ! -s "$work/failures" ] || { echo; cat "$work/failures"; }
}
