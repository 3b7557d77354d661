# servers.sh - the tests on several PostgreSQLs; sourced by check
#
# Each PostgreSQL has a run of check of its own. Their outputs are shown one after the
# other, even if they run at the same time. Their counts are added to ours. When we
# end, so do they.

# launch TITLE OPTION...: runs this script beside us.
launch()
{
	setpriv --pdeathsig TERM -- "$repository/scripts/check" "${@:2}" < /dev/null > "$work/${1//\//-}.log" 2>&1 &
	launched[$1]=$!
}

# follow TITLE: shows the run's output and adds its counts.
follow()
{
	local title=$1 pid=${launched[$1]} log=$work/${1//\//-}.log status

	guarded exec setsid bash -c 'tail -n +1 -f --pid "$1" "$2" | sed -u "$3"' follow "$pid" "$log" "$without_sums"
	wait "$pid"
	status=$?
	unset "launched[$title]"
	sum "$log" "$status"
}

# Runs each PostgreSQL in a run of its own, all at once: all tests on the first, and on
# the others the tests that depend on the version, or the one that is named behind the
# version. Packages are installed before, so that no run waits for another.
run_servers()
{
	local server given name further=$further checked=$checked

	for given; do
		server=${given%%:*}
		name=${given#"$server"}
		name=${name#:}
		if [[ $server = */* ]]; then
			:
		elif ! needs_chroot "$server"; then
			choose_postgres "$server"
			install_packages "${needs[@]}"
		elif [ -z "$(chroot_missing "$(release_of "$server")")" ]; then
			get_packages $(missing_programs ip zstd mmdebstrap)
		else
			continue
		fi
		launch "PostgreSQL $given" --pg "$server" ${name:+--only "$name"} ${only:+--only "$only"} ${deep:+--deep} ${further:+--further} ${checked:+--checked}
		[ -n "$deep" ] || further=yes
		checked=
	done
	for given; do
		heading "PostgreSQL $given"
		if [ -n "${launched[PostgreSQL $given]:-}" ]; then
			follow "PostgreSQL $given"
		else
			echo "left out: $(chroot_missing "$(release_of "${given%%:*}")")"
		fi
	done
}

# The quick suite on other PostgreSQLs.
run_others()
{
	local server here=$major only='' deep='' further='' checked=''

	for server in 17 18; do
		[ "$server" = "$here" ] || run_servers "$server"
	done
	heading "PostgreSQL with assertions"
	if [ -z "${PG_ASSERTIONS:-}" ]; then
		echo "left out: no PostgreSQL with assertions (PG_ASSERTIONS=.../pg_config)"
	elif ! "$PG_ASSERTIONS" --configure | grep -q -- --enable-cassert; then
		verdict 1 "$PG_ASSERTIONS is of a PostgreSQL with assertions"
	else
		launch assertions --pg "$PG_ASSERTIONS"
		follow assertions
	fi
}
