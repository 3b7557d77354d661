# setup.sh - what demo and check have in common; sourced by both
#
# Finds PostgreSQL, installs what is missing, and makes a work folder in which
# an unprivileged user builds pgcares, stages it and runs it: in namespaces of
# its own where the system allows them. Nothing outside of the work folder is
# changed but for packages and build/cares; the system's clusters are not
# touched; at the end the folder is gone, and every process that was started.

set -uo pipefail
{ : <&0; } 2> /dev/null || exec < /dev/null

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cares_floor=$(sed -n 's/^CARES_FLOOR = //p' "$repository/Makefile")
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

work=           # the folder of this run
major=          # PostgreSQL: its major version and its programs
bindir=
child=          # the process that run() waits for
privileged=()   # what makes a command run as root
inside=()       # what makes one run in namespaces,
become=()       #     as the unprivileged user,
clean=()        #     with an environment of its own
updated=
guards=()       # files that keep packages from starting services
guard_mark='# Made by a script of pgcares while it installs packages.'

say()
{
	echo "${0##*/}: $*" >&2
}

fail()
{
	say "$@"
	exit 1
}

# setup MAJOR NETWORK NEED...: everything until a command can be run. MAJOR may
# be empty. NETWORK is "private" (loopback only) or "shared". NEED is what the
# caller wants besides what building takes, as missing_packages knows it.
setup()
{
	local wanted=$1 network=$2

	shift 2
	work=$(mktemp -d "${TMPDIR:-/tmp}/pgcares.XXXXXX") || exit 1
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	choose_privilege
	choose_postgres "$wanted"
	install_packages "$@"
	make_tree
	get_cares
	choose_user
	choose_namespaces "$network"
	write_settings
}

# Builds and stages pgcares; the arguments go to make.
build()
{
	say "building for PostgreSQL $major"
	run make -s -j "$(nproc)" with_llvm=no "$@" install DESTDIR="$work/stage" > "$work/build.log" 2>&1 && return
	cat "$work/build.log" >&2
	return 1
}

# Runs a command in the copy of the tree, as the unprivileged user; its status.
# In the background, since the shell takes signals only while it waits, and in
# a process group of its own, so that all of it can be ended.
run()
{
	local status

	(enter setsid "$@") <&0 &
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

# Ends what is still there, gently at first.
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
	[ -z "$child" ] || { kill -s KILL -- "-$child"; wait "$child"; } 2> /dev/null
	end_processes
	lift_guards
	rm -rf --one-file-system "$work"
	exit "$status"
}

choose_privilege()
{
	if [ "$(id -u)" = 0 ]; then
		privileged=(env)
	elif command -v sudo > /dev/null; then
		privileged=(sudo env)
	fi
}

# The version asked for; else the newest that extensions can be built for; else
# what the distribution has.
choose_postgres()
{
	local makefile

	major=$1
	if [ -z "$major" ]; then
		for makefile in /usr/lib/postgresql/*/lib/pgxs/src/makefiles/pgxs.mk; do
			makefile=${makefile#/usr/lib/postgresql/}
			[ ! -x "/usr/lib/postgresql/${makefile%%/*}/bin/postgres" ] || echo "${makefile%%/*}"
		done | sort -n | tail -n 1 > "$work/major"
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

packaged_postgres()
{
	apt-cache depends postgresql 2> /dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
}

# The packages for what is not there: for building, and for the words given.
missing_packages()
{
	local need

	[ -x "$bindir/postgres" ] || echo "postgresql${major:+-$major}"
	[ -e "/usr/lib/postgresql/$major/lib/pgxs/src/makefiles/pgxs.mk" ] || echo "postgresql-server-dev-${major:-all}"
	[ -e /usr/include/stdio.h ] || echo libc6-dev
	[ -e /usr/include/idn2.h ] || echo libidn2-dev
	for need in gcc make pkg-config ip "$@"; do
		case $need in
			IPC::Run) perl -MIPC::Run -e 1 2> /dev/null || echo libipc-run-perl ;;
			*) command -v "$need" > /dev/null || package_of "$need" ;;
		esac
	done
}

package_of()
{
	case $1 in
		ip) echo iproute2 ;;
		knotd) echo knot ;;
		kzonesign) echo knot-dnssecutils ;;
		dig) echo bind9-dnsutils ;;
		prove) echo perl ;;
		*) echo "$1" ;;
	esac
}

cares_known()
{
	pkg-config --exists "libcares >= $cares_floor" 2> /dev/null
}

# c-ares comes from the distribution where that has it new enough, so with the
# first packages; else get_cares takes it.
install_packages()
{
	local missing candidate before

	missing=$(missing_packages "$@")
	[ -z "$missing" ] || update_packages
	if [ "${#privileged[@]}" -gt 0 ] && ! cares_known; then
		candidate=$(apt-cache policy libc-ares-dev 2> /dev/null | sed -n 's/^ *Candidate: //p')
		if [ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge "$cares_floor"; then
			missing="$missing libc-ares-dev"
		fi
	fi
	missing=$(echo $missing)
	[ -n "$missing" ] || return 0
	[ "${#privileged[@]}" -gt 0 ] || fail "missing packages, to be installed by an administrator: apt-get install $missing"

	say "installing $missing"
	before=$(boot_links)
	set_guards
	"${privileged[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install $missing > "$work/apt.log" 2>&1 || {
		tail -n 30 "$work/apt.log" >&2
		fail "cannot install $missing"
	}
	lift_guards
	comm -13 <(echo "$before") <(boot_links) | xargs -r "${privileged[@]}" rm -f
}

update_packages()
{
	[ "${#privileged[@]}" -gt 0 ] && [ -z "$updated" ] || return 0
	say "reading the package lists"
	"${privileged[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update > "$work/apt.log" 2>&1 || {
		tail -n 30 "$work/apt.log" >&2
		say "not all package lists could be read"
	}
	updated=yes
}

# A package must not start its service, which might take port 53 or 5432, nor
# make a cluster. Only files that were not there are made, and removed again.
set_guards()
{
	guard /usr/sbin/policy-rc.d 755 '#!/bin/sh' 'exit 101'
	guard /etc/postgresql-common/createcluster.d/pgcares-setup.conf 644 'create_main_cluster = false'
}

guard()
{
	local file=$1 mode=$2

	shift 2
	[ ! -e "$file" ] || grep -qsF "$guard_mark" "$file" || return 0
	guards+=("$file")
	printf '%s\n' "$@" "$guard_mark" > "$work/guard"
	"${privileged[@]}" install -D -m "$mode" "$work/guard" "$file" || fail "cannot write $file"
}

lift_guards()
{
	[ "${#guards[@]}" -gt 0 ] || return 0
	"${privileged[@]}" rm -f "${guards[@]}"
	"${privileged[@]}" rmdir --ignore-fail-on-non-empty /etc/postgresql-common/createcluster.d 2> /dev/null
	guards=()
}

# Nor are name servers to start at the next boot, if they were not there before.
boot_links()
{
	find /etc/systemd/system \( -name 'knot*.service' -o -name 'unbound*.service' \) -type l 2> /dev/null | sort
}

# The copy belongs to the user who builds and tests in it, whoever owns the
# checkout; what was built or left in the checkout stays there.
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
	fi
	chmod 755 "$work"
	# Signals: the shell has a command in the background ignore these. LESS: what
	# fits on the screen is just printed.
	clean=(env -i --default-signal=INT,QUIT "HOME=$work/home" "TMPDIR=$work/tmp" "PATH=$bindir:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
		"TERM=${TERM:-dumb}" "LESS=${LESS:--FRX}" LC_ALL=C.UTF-8 "TEMP_CONFIG=$work/settings.conf")
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

# What a server needs to find the staged files. extension_destdir is a setting
# of Debian's packages until PostgreSQL 17; 18 has extension_control_path.
write_settings()
{
	echo "dynamic_library_path = '$work/stage$("$bindir/pg_config" --pkglibdir):\$libdir'" > "$work/settings.conf"
	if [ "$major" -ge 18 ]; then
		echo "extension_control_path = '$work/stage$("$bindir/pg_config" --sharedir):\$system'"
	else
		echo "extension_destdir = '$work/stage'"
	fi >> "$work/settings.conf"
	chmod 644 "$work/settings.conf"
}
