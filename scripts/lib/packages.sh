# packages.sh - finds and installs missing packages; sourced by setup.sh
#
# Asks apt, as root or with sudo, and only when something is missing. No package
# starts a service or makes a cluster while these functions install it, nor at the
# next boot; the files that see to that are gone afterwards.

privileged=()   # what makes a command run as root
updated=        # the package lists have been read
unreachable=    # not all of them: a mirror did not answer
guards=()       # files that keep packages from starting services
progress_every=5        # seconds
guard_mark='# Made by a script of pgcares while it installs packages.'

choose_privilege()
{
	if [ "$(id -u)" = 0 ]; then
		privileged=(env)
	elif command -v sudo > /dev/null; then
		privileged=(sudo env)
	fi
}

packaged_postgres()
{
	apt-cache depends postgresql 2> /dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
}

# Prints the missing packages: for building, and for the words given.
missing_packages()
{
	[ -x "$bindir/postgres" ] || echo "postgresql${major:+-$major}"
	[ -e "$("$bindir/pg_config" --includedir-server 2> /dev/null)/postgres.h" ] || echo "postgresql-server-dev-${major:-all}"
	[ -e /usr/include/stdio.h ] || echo libc6-dev
	[ -e /usr/include/idn2.h ] || echo libidn2-dev
	missing_programs gcc make pkg-config ip "$@"
}

# A copy of a server's files has no packages of its own.
missing_programs()
{
	local need

	for need; do
		case $need in
			IPC::Run) perl -MIPC::Run -e 1 2> /dev/null ;;
			plproxy) [ -z "$staged" ] || [ -e "$("$bindir/pg_config" --sharedir 2> /dev/null)/extension/plproxy.control" ] ;;
			libfuzzer) compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a' > /dev/null ;;
			*) command -v "$need" > /dev/null ;;
		esac || package_of "$need"
	done
}

package_of()
{
	case $1 in
		ip) echo iproute2 ;;
		knotd) echo knot ;;
		kzonesign) echo knot-dnssecutils ;;
		dig) echo bind9-dnsutils ;;
		named-compilezone) echo bind9-utils ;;
		prove) echo perl ;;
		plproxy) echo "postgresql-$major-plproxy" ;;
		IPC::Run) echo libipc-run-perl ;;
		libfuzzer) echo "libclang-rt-$(apt-cache depends clang 2> /dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p')-dev" ;;
		*) echo "$1" ;;
	esac
}

cares_known()
{
	pkg-config --exists "libcares >= $cares_floor" 2> /dev/null
}

# If the distribution's c-ares is new enough, it is one of the first packages; else
# get_cares fetches it.
install_packages()
{
	local missing

	missing=$(missing_packages "$@")
	[ -z "$missing" ] || { update_packages; missing=$(missing_packages "$@"); }
	if [ "${#privileged[@]}" -gt 0 ] && ! cares_known && cares_is_packaged; then
		missing="$missing libc-ares-dev"
	fi
	get_packages $missing
}

# Does this release have a c-ares that is new enough?
cares_is_packaged()
{
	local candidate

	candidate=$(apt-cache policy libc-ares-dev 2> /dev/null | sed -n 's/^ *Candidate: //p')
	[ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge "$cares_floor"
}

get_packages()
{
	local missing=$*

	[ -n "$missing" ] || return 0
	[ "${#privileged[@]}" -gt 0 ] || fail "missing packages, to be installed by an administrator: apt-get install $missing"

	update_packages
	[ -z "$unreachable" ] || listed $missing || fail "cannot install $missing"
	apt_install "$missing" install $missing
}

# listed PACKAGE...: do the package lists have all of them?
listed()
{
	local package

	for package; do
		apt-cache policy "$package" 2> /dev/null | grep -q 'Candidate: [^(]' || return
	done
}

# apt_install TITLE WORD...: runs apt-get so that nothing starts.
apt_install()
{
	local title=$1 before

	shift
	say "installing $title"
	before=$(boot_links)
	set_guards
	with_progress "$work/apt.log" "${privileged[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@" || {
		tell_cause "$work/apt.log"
		fail "cannot install $title"
	}
	lift_guards
	comm -13 <(echo "$before") <(boot_links) | xargs -r "${privileged[@]}" rm -f
}

# What cannot be read now may not be needed: that is told only when packages are missing.
update_packages()
{
	[ "${#privileged[@]}" -gt 0 ] && [ -z "$updated" ] || return 0
	say "reading the package lists"
	with_progress "$work/apt.log" "${privileged[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update &&
		! grep -q '^[EW]: Failed to fetch' "$work/apt.log" || { unreachable=yes; tell_cause "$work/apt.log"; }
	updated=yes
}

# Tells why apt failed: in one line if a mirror could not be reached, else with its
# errors, or the end of what it has printed.
tell_cause()
{
	local cause

	cause=$(sed -nE 's/^[EW]: Failed to fetch ([^ ]+)  *(.+)/cannot fetch \1: \2/p' "$1" | head -n 1)
	[ -n "$cause" ] ||
		cause=$(sed -nE '/^Err:[0-9]+ /{ N; s/^Err:[0-9]+ ([^ ]+)[^\n]*\n +(.+)/cannot fetch \1: \2/p; }' "$1" | head -n 1)
	[ -z "$cause" ] || { say "$cause"; return; }
	grep '^E: ' "$1" >&2 || tail -n 30 "$1" >&2
}

# with_progress LOG COMMAND...: runs it with its output in LOG, and tells every few
# seconds how far it is, by the last line of that.
with_progress()
{
	local log=$1 ticker status

	shift
	: > "$log"
	(
		cd "$work" && trap 'kill $! 2> /dev/null; exit' TERM
		while sleep "$progress_every" & wait $!; do
			say "... $(tr '\r' '\n' < "$log" | grep . | tail -n 1 | cut -c 1-100)"
		done
	) &
	ticker=$!
	"$@" > "$log" 2>&1
	status=$?
	{ kill "$ticker"; wait "$ticker"; } 2> /dev/null
	return "$status"
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

# Servers that were not there before must not start at the next boot either.
boot_links()
{
	find /etc/systemd/system /etc/rc[0-6S].d -type l -regextype posix-extended \
		-regex '.*/([KS][0-9]+(knot|unbound|pgbouncer)|(knot|unbound|pgbouncer)[^/]*\.service)' 2> /dev/null | sort
}
