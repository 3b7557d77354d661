# chroot.sh - the tests in another Debian release; sourced by check
#
# Tests a PostgreSQL that this Debian lacks, in a chroot of the release that has it.
# The chroot is made of packages from this machine's mirrors and kept packed in
# build/ of the checkout. Each run unpacks it into the work folder, so it starts
# from the same state and leaves nothing. A chroot that is broken or lacks something
# is made again. All of it happens in namespaces, so that no mount and no process is
# left, however it ends. The tests have no network but loopback.

# A function of these files, in the tree in the chroot
in_chroot='. scripts/lib/setup.sh; . scripts/lib/chroot.sh; . scripts/lib/package.sh; "$@"'

# The Debian release that has a PostgreSQL
release_of()
{
	case $1 in
		17) echo trixie ;;
		18) echo sid ;;
	esac
}

# Is this version neither installed nor available here, but in another release?
needs_chroot()
{
	[ -n "$(release_of "$1")" ] && [ ! -x "/usr/lib/postgresql/$1/bin/postgres" ] || return
	[ -n "$(packaged_postgres)" ] || update_packages
	! apt-cache policy "postgresql-$1" 2> /dev/null | grep -q 'Candidate: [0-9]'
}

# Prints why this machine cannot have a chroot of a release; nothing if it can.
chroot_missing()
{
	if [ "$(id -u)" != 0 ]; then
		echo "only root can make a chroot of Debian $1"
	elif ! unshare --mount --pid --net --ipc --uts --fork --kill-child bash -c '
			mount -t proc proc /proc && mount --bind /dev /mnt && chroot / true' > /dev/null 2>&1; then
		echo "a chroot of Debian $1 needs mounts and namespaces, which are not allowed here"
	elif ! command -v apt-get > /dev/null; then
		echo "Debian's packages are installed with apt, which is not here"
	fi
}

# Runs the selected tests on one version, by a check in the chroot.
run_in_chroot()
{
	local major=$1 step_limit=$((3 * step_limit))

	[ -z "$deep" ] || fail "--deep is for a PostgreSQL on this machine, not for one in a chroot"
	measure chroot setup_chroot postgres "$1" "${needs[@]}"
	step scripts/check --pg "$1" ${only:+--only "$only"} ${further:+--further} ${checked:+--checked}
	sum "$work/output.log" $?
}

# setup_chroot KIND SUBJECT ARGUMENT...: prepares everything for run(), which runs a
# command in a copy of the tree in the chroot, as root. SUBJECT is a version of
# PostgreSQL, or a release. Inside, fill_KIND makes the chroot complete, and
# complete_KIND says whether it is; they get SUBJECT and the arguments.
setup_chroot()
{
	local kind=$1 subject=$2 reason kept release

	shift
	[ -n "$work" ] || begin
	release=$(release_of "$subject")
	release=${release:-$subject}
	reason=$(chroot_missing "$release")
	[ -z "$reason" ] || fail "$reason"
	get_packages $(missing_programs ip zstd)
	[ -d "$work/tree" ] || make_tree
	mkdir -p "$repository/build" 2> /dev/null
	[ -w "$repository/build" ] && kept=$repository/build || kept=$work
	[ "$kind" = postgres ] && kept=$kept/chroot-$subject.tar.zst || kept=$kept/chroot-$kind-$subject.tar.zst
	become=()
	clean=()

	if ! unpack_chroot "$kept" "complete_$kind" "$@"; then
		make_chroot "$kept" "$release" "fill_$kind" "$@"
		unpack_chroot "$kept" "complete_$kind" "$@" || fail "the chroot of Debian $release lacks what is needed"
	fi
}

# Unpacks the chroot, with the tree in it. False if it is missing, is broken, or
# lacks something that is needed.
unpack_chroot()
{
	local kept=$1 root=$work/chroot

	shift
	[ -s "$kept" ] || return
	say "unpacking ${kept#"$repository/"}"
	mkdir "$root" && guarded exec setsid tar --zstd -C "$root" -xf "$kept" 2> "$work/chroot.log" &&
		cp -R "$work/tree" "$root/root/pgcares" &&
		mkdir -p "$root/proc" "$root/dev/pts" "$root/dev/shm" || { rm -rf --one-file-system "$root"; return 1; }
	inside=(unshare --mount --pid --net --ipc --uts --fork --kill-child bash -c '
		root=$1
		shift
		ip link set lo up &&
			mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev" &&
			mount -t devpts devpts "$root/dev/pts" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || exit
		chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
			bash -c "cd /root/pgcares && exec \"\$@\"" inside "$@"
		exit' inside "$root")
	run bash -c "$in_chroot" complete "$@" && return
	rm -rf --one-file-system "$root"
	return 1
}

# Makes the chroot: Debian's base, then what the given function adds. apt reaches the
# mirrors with the configuration of this machine.
make_chroot()
{
	local kept=$1 release=$2

	shift 2
	get_packages $(missing_programs mmdebstrap)
	say "making ${kept#"$repository/"}, Debian $release"
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v r="$release" -v c="$(. /etc/os-release; echo "${VERSION_CODENAME:-}")" '
			$3 != "main" { next }
			$2 == c { print "deb", $1, r, "main" }
			$2 ~ /-security$/ && r != "sid" { print "deb", $1, r "-security main" }' | sort -u > "$work/sources.list"
	[ -s "$work/sources.list" ] || fail "apt knows no Debian mirror to take $release from"
	{
		apt-config dump | grep '^Acquire::'
		echo 'Acquire::Retries "3";'
		echo 'APT::Sandbox::User "root";'
	} > "$work/apt.conf"

	unfinished=$kept.$$.tar.zst
	with_progress "$work/chroot.log" bootstrap "$unfinished" "$@" ||
		{ say "once more"; with_progress "$work/chroot.log" bootstrap "$unfinished" "$@"; } || {
		tell_cause "$work/chroot.log"
		fail "cannot make a chroot of Debian $release"
	}
	chown --reference="$repository" "$repository/build" "$unfinished" 2> /dev/null
	mv -f "$unfinished" "$kept" || fail "cannot write $kept"
	unfinished=
}

bootstrap()
{
	local target=$1 arguments

	shift
	arguments=$(printf ' %q' "$@")
	mkdir -p "$work/bootstrap"
	guarded exec setsid unshare --mount --pid --ipc --uts --fork --kill-child bash -c '
		mount -t proc proc /proc && { "$@"; exit; }' inside \
		env TMPDIR="$work/bootstrap" TREE="$work/tree" IN_CHROOT="$in_chroot" mmdebstrap --mode=root --variant=apt --aptopt="$work/apt.conf" \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--customize-hook='cp -R "$TREE" "$1/root/pgcares"' \
		--customize-hook='chroot "$1" bash -c "cd /root/pgcares; $IN_CHROOT" fill'"$arguments" \
		--customize-hook='rm -rf "$1/root/pgcares"' \
		"$release" "$target" - < "$work/sources.list"
}

# Does the chroot have what the tests need?
complete_postgres()
{
	choose_postgres "$1"
	[ -z "$(missing_packages "${@:2}")" ] && cares_known
}

# Installs what the tests need in the new chroot. Takes only the files of the server's
# development package: it depends on 400 MB of compilers that are for bitcode.
fill_postgres()
{
	begin
	updated=yes
	choose_postgres "$1"
	get_packages "postgresql-$1"
	(cd "$work" && apt-get -q download "postgresql-server-dev-$1" && dpkg-deb -x ./*.deb /) || exit 1
	install_packages "${@:2}"
}
