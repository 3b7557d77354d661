# setup.sh - the common part of demo and check; sourced by both
#
# Finds PostgreSQL, installs what is missing, and makes a work folder in which
# an unprivileged user builds pgcares, stages it and runs it: in namespaces of
# its own where the system allows them. Nothing outside of the work folder is
# changed but for packages and build/cares; the system's clusters are not
# touched; at the end the folder is gone, and every process that was started.

set -uo pipefail
{ : <&0; } 2> /dev/null || exec < /dev/null

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
. "$repository/scripts/lib/packages.sh"
cares_floor=$(sed -n 's/^CARES_FLOOR = //p' "$repository/Makefile")
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

work=           # the folder of this run
unfinished=     # a file outside of it that has yet to be written
major=          # PostgreSQL: its major version and its programs
bindir=
child=          # the process that guarded() waits for
declare -A launched=()  # processes beside it
inside=()       # what makes one run in namespaces,
become=()       #     as the unprivileged user,
clean=()        #     with an environment of its own
staged=yes      # pgcares is not in the folders of the server

say()
{
	echo "${0##*/}: $*" >&2
}

fail()
{
	say "$@"
	exit 1
}

# setup WANTED NETWORK NEED...: prepares all that a command needs. WANTED is
# a major version, a pg_config of an installation to work with a copy of, or
# empty. NETWORK is "private" (loopback only) or "shared". NEED is what the
# caller wants besides what building takes, as package_of knows it.
setup()
{
	local wanted=$1 network=$2

	shift 2
	[ -n "$work" ] || begin
	choose_postgres "$wanted"
	install_packages "$@"
	make_tree
	get_cares
	choose_user
	choose_namespaces "$network"
	write_settings
}

# Makes the work folder, and removes it at the end.
begin()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/pgcares.XXXXXX") || exit 1
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	choose_privilege
}

# Builds and stages pgcares; the arguments go to make.
build()
{
	say "building for PostgreSQL $major"
	run make -s -j "$(nproc)" with_llvm=no "$@" install ${staged:+DESTDIR="$work/stage"} > "$work/build.log" 2>&1 && return
	cat "$work/build.log" >&2
	return 1
}

# Runs a command in the copy of the tree, as the unprivileged user; its status.
run()
{
	guarded enter setsid "$@"
}

# Runs a command in a process group of its own (setsid), so that all of it can be
# ended. It runs in the background, since the shell handles signals only while it
# waits.
guarded()
{
	local status

	("$@") <&0 &
	child=$!
	wait "$child"
	status=$?
	child=
	end_processes
	return "$status"
}

# The same for a command that owns the terminal: Ctrl-C is for it alone.
run_on_terminal()
{
	local status

	trap : INT
	(enter env "$@")
	status=$?
	trap 'exit 130' INT
	end_processes
	return "$status"
}

enter()
{
	local first=$1

	shift
	cd "$work/tree" && exec "$first" "${inside[@]}" "${become[@]}" "${clean[@]}" "$@"
}

# The processes of this run: their current folder is below the work folder.
processes()
{
	find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$work" -o -lname "$work/*" \) 2> /dev/null |
		sed 's,^/proc/\([0-9]*\)/cwd$,\1,'
}

# Ends the processes that are left, gently at first.
end_processes()
{
	local signal pids i

	for signal in TERM QUIT KILL; do
		for i in {1..20}; do
			pids=$(processes)
			[ -n "$pids" ] || return 0
			[ "$i" != 1 ] || kill -s "$signal" $pids 2> /dev/null
			sleep 0.1
		done
	done
}

finish()
{
	local status=$?

	trap - EXIT
	trap '' INT TERM HUP
	[ "${#launched[@]}" = 0 ] || { kill "${launched[@]}"; wait "${launched[@]}"; } 2> /dev/null
	[ -z "$child" ] || { kill -s KILL -- "-$child"; wait "$child"; } 2> /dev/null
	end_processes
	lift_guards
	[ -z "$unfinished" ] || rm -f "$unfinished"
	rm -rf --one-file-system "$work"
	exit "$status"
}

# The version asked for; else the newest that is there, of those that extensions
# can be built for if there are such; else what the distribution has.
choose_postgres()
{
	local program found

	[[ $1 != */* ]] || { copy_postgres "$1"; return; }
	major=$1
	if [ -z "$major" ]; then
		for program in /usr/lib/postgresql/*/bin/postgres; do
			found=${program#/usr/lib/postgresql/}
			found=${found%%/*}
			[ ! -x "$program" ] || echo "$([ -e "/usr/include/postgresql/$found/server/postgres.h" ] && echo 1) $found"
		done | sort -k 1,1n -k 2,2n -t ' ' | sed -n '$s/.* //p' > "$work/major"
		read -r major < "$work/major"
	fi
	[ -n "$major" ] || major=$(packaged_postgres)
	if [ -z "$major" ]; then
		update_packages
		major=$(packaged_postgres)
	fi
	[[ $major =~ ^[0-9]*$ ]] || fail "\"$major\" is not a major version of PostgreSQL"
	[ "${major:-15}" -ge 15 ] || fail "pgcares needs PostgreSQL 15 or newer, not $major"
	bindir=/usr/lib/postgresql/$major/bin
}

# A copy of an installation, which finds its files from where it is: pgcares is
# installed into it, since only Debian's servers look into a stage.
copy_postgres()
{
	local config=$1 folder

	folder=$(dirname "$("$config" --bindir)")
	[[ $("$config" --pkglibdir) == "$folder"/* && $("$config" --sharedir) == "$folder"/* ]] ||
		fail "the PostgreSQL of $config is not in a folder of its own"
	cp -R "$folder" "$work/server" || fail "cannot copy $folder"
	major=$("$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
	bindir=$work/server/bin
	staged=
}

# The copy belongs to the user who builds and tests in it, whoever owns the
# checkout. Files that were built or left in the checkout are not copied.
make_tree()
{
	mkdir "$work"/{tree,stage,tmp,home}
	tar -C "$repository" -cf - --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
		--exclude=./results --exclude=./tmp_check --exclude=./output_iso --exclude=./log --exclude='./regression.*' . |
		tar -C "$work/tree" -xf - --no-same-owner || fail "cannot copy the tree"
}

get_cares()
{
	local prefix=$repository/build/cares

	if cares_known; then
		return
	elif mkdir -p "$prefix" 2> /dev/null && [ -w "$prefix" ]; then
		"$repository/scripts/fetch-c-ares" --quiet "$prefix" || exit 1
		chown -R --reference="$repository" "$repository/build" 2> /dev/null
		mkdir -p "$work/tree/build"
		cp -R "$prefix" "$work/tree/build/"
	else
		"$repository/scripts/fetch-c-ares" --quiet "$work/tree/build/cares" || exit 1
	fi
}

# PostgreSQL refuses to run as root.
choose_user()
{
	local user=postgres

	if [ "$(id -u)" = 0 ]; then
		id "$user" > /dev/null 2>&1 || user=nobody
		become=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
		chown -R "$user:" "$work"/{tree,stage,tmp,home}
		[ -n "$staged" ] || chown -R "$user:" "$work/server"
	fi
	chmod 755 "$work"
	# Signals: the shell has a command in the background ignore these. LESS: what
	# fits on the screen is just printed.
	clean=(env -i --default-signal=INT,QUIT "HOME=$work/home" "TMPDIR=$work/tmp" "PATH=$bindir:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
		"TERM=${TERM:-dumb}" "LESS=${LESS:--FRX}" LANG=C.UTF-8 LC_ALL=C.UTF-8 "TEMP_CONFIG=$work/settings.conf")
}

# As root, in namespaces that take every process and mount with them, and every
# packet but for loopback; as another user, in a network of one's own at least.
# In it everybody may have port 53, and there is a link-local address, as far as
# the system lets us.
# The shell stays as their first process: when "unshare" ends, it is killed.
choose_namespaces()
{
	local setup='' net=()

	if [ "$1" = private ]; then
		net=(--net)
		setup='ip link set lo up && {
			echo 53 > /proc/sys/net/ipv4/ip_unprivileged_port_start
			ip address add fe80::1/64 dev lo
			:
		} 2> /dev/null && '
	fi
	if [ "$(id -u)" = 0 ]; then
		inside=(unshare --mount --pid --ipc --uts "${net[@]}" --fork --kill-child
			bash -c "$setup"'mount -t proc proc /proc && { "$@"; exit; }' inside)
	elif [ "$1" = private ]; then
		inside=(unshare --net --map-current-user --keep-caps bash -c "$setup"'exec "$@"' inside)
	fi
	[ "${#inside[@]}" = 0 ] || "${inside[@]}" "${become[@]}" true 2> /dev/null || inside=()
}

# Settings with which a server finds the staged files. extension_destdir is a setting
# of Debian's packages until PostgreSQL 17; 18 has extension_control_path.
write_settings()
{
	[ -n "$staged" ] || { : > "$work/settings.conf"; return; }
	echo "dynamic_library_path = '$work/stage$("$bindir/pg_config" --pkglibdir):\$libdir'" > "$work/settings.conf"
	if [ "$major" -ge 18 ]; then
		echo "extension_control_path = '$work/stage$("$bindir/pg_config" --sharedir):\$system'"
	else
		echo "extension_destdir = '$work/stage'"
	fi >> "$work/settings.conf"
	chmod 644 "$work/settings.conf"
}
