# chroot.sh - the tests in another Debian release; sourced by check
#
# Tests a PostgreSQL that this Debian lacks, in a chroot of the release that has it.
# The chroot is made of packages from this machine's mirrors and kept packed in
# build/ of the checkout. Each run unpacks it into the work folder, so it starts
# from the same state and leaves nothing. A chroot that is broken or lacks something
# is made again. All of it happens in namespaces, so that no mount and no process is
# left, however it ends. The tests have no network but loopback.

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

# Prints why this machine cannot have a chroot; nothing if it can.
chroot_missing()
{
	if [ "$(id -u)" != 0 ]; then
		echo "only root can make a chroot of Debian $(release_of "$1")"
	elif ! unshare --mount --pid --net --ipc --uts --fork --kill-child bash -c '
			mount -t proc proc /proc && mount --bind /dev /mnt && chroot / true' > /dev/null 2>&1; then
		echo "a chroot of Debian $(release_of "$1") needs mounts and namespaces, which are not allowed here"
	elif ! command -v apt-get > /dev/null; then
		echo "Debian's packages are installed with apt, which is not here"
	fi
}

# Runs the selected tests on one version, by a check in the chroot.
run_in_chroot()
{
	local major=$1 step_limit=$((3 * step_limit))

	[ -z "$deep" ] || fail "--deep is for a PostgreSQL on this machine, not for one in a chroot"
	measure chroot setup_chroot "$1" "${needs[@]}"
	step scripts/check --pg "$1" ${only:+--only "$only"} ${further:+--further} ${checked:+--checked}
	sum "$work/output.log" $?
}

# setup_chroot MAJOR NEED...: prepares everything for run(), which runs a command in
# a copy of the tree in the chroot, as root.
setup_chroot()
{
	local major=$1 reason kept

	shift
	[ -n "$work" ] || begin
	reason=$(chroot_missing "$major")
	[ -z "$reason" ] || fail "PostgreSQL $major: $reason"
	get_packages $(missing_programs ip zstd)
	make_tree
	mkdir -p "$repository/build" 2> /dev/null
	[ -w "$repository/build" ] && kept=$repository/build || kept=$work
	kept=$kept/chroot-$major.tar.zst
	become=()
	clean=()

	if ! unpack_chroot "$kept" "$major" "$@"; then
		make_chroot "$kept" "$major" "$@"
		unpack_chroot "$kept" "$major" "$@" || fail "the chroot of Debian $(release_of "$major") lacks what the tests need"
	fi
}

# Unpacks the chroot, with the tree in it. False if it is missing, is broken, or
# lacks something that is needed.
unpack_chroot()
{
	local kept=$1 major=$2 root=$work/chroot

	shift 2
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
	run bash -c '. scripts/lib/setup.sh
		choose_postgres "$1"
		[ -z "$(missing_packages "${@:2}")" ] && cares_known' complete "$major" "$@" && return
	rm -rf --one-file-system "$root"
	return 1
}

# Makes the chroot: Debian's base, then the packages that install_packages finds
# missing. apt reaches the mirrors with the configuration of this machine.
make_chroot()
{
	local kept=$1 major=$2 release packages

	shift 2
	release=$(release_of "$major")
	get_packages $(missing_programs mmdebstrap)
	say "making ${kept#"$repository/"}, Debian $release with PostgreSQL $major"
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
	bootstrap "$unfinished" "$@" || { say "once more"; bootstrap "$unfinished" "$@"; } || {
		tail -n 30 "$work/chroot.log" >&2
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
	arguments=$(printf ' %q' "$major" "$@")
	mkdir -p "$work/bootstrap"
	guarded exec setsid unshare --mount --pid --ipc --uts --fork --kill-child bash -c '
		mount -t proc proc /proc && { "$@"; exit; }' inside \
		env TMPDIR="$work/bootstrap" TREE="$work/tree" mmdebstrap --mode=root --variant=apt --aptopt="$work/apt.conf" \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--customize-hook='cp -R "$TREE" "$1/root/pgcares"' \
		--customize-hook='chroot "$1" bash -c ". /root/pgcares/scripts/lib/setup.sh; . /root/pgcares/scripts/lib/chroot.sh; fill_chroot \"\$@\"" fill'"$arguments" \
		--customize-hook='rm -rf "$1/root/pgcares"' \
		"$release" "$target" - < "$work/sources.list" > "$work/chroot.log" 2>&1
}

# Installs what the tests need in the new chroot. Takes only the files of the server's
# development package: it depends on 400 MB of compilers that are for bitcode.
fill_chroot()
{
	begin
	updated=yes
	choose_postgres "$1"
	get_packages "postgresql-$1"
	(cd "$work" && apt-get -q download "postgresql-server-dev-$1" && dpkg-deb -x ./*.deb /) || exit 1
	install_packages "${@:2}"
}
