# package.sh - Debian's packages of pgcares; sourced by check, and in a chroot
#
# In a chroot of each release: builds the packages without a network, as an ordinary
# user; lintian finds nothing to warn of; installed, they start nothing and pass their
# own tests (debian/tests). A release whose c-ares is too old gets a private copy, which
# is fetched when the chroot is made.

package_releases=(trixie bookworm)
private_cares=/root/cares       # in the chroot
package_place=/home/packager    # the same

run_package()
{
	local reason release

	heading "release archive for the packages"
	step bash -c "$(declare -f inside_release); inside_release \"\$TMPDIR/package\"" release ||
		{ verdict 1 "the archive of a release can be made"; return; }
	reason=$(chroot_missing "${package_releases[0]}")
	[ -z "$reason" ] || { echo "left out: $reason"; return; }
	for release in "${package_releases[@]}"; do
		package_on "$release"
	done
}

package_on()
{
	local release=$1 part inside=() become=() clean=()

	setup_chroot package "$release"
	heading "package for Debian $release"
	cp "$work"/tmp/package/*.tar.gz "$work/chroot/root/pgcares"
	for part in build lintian install autopkgtest; do
		step bash -c '. scripts/lib/package.sh; "$@"' package "package_$part" "$release"
		verdict $? "Debian $release, package: $part" || break
	done
	rm -rf --one-file-system "$work/chroot"
}

# The functions below run in the chroot, as root.

# Does this release need the private c-ares?
package_is_private()
{
	[ -d "$private_cares" ]
}

complete_package()
{
	command -v dpkg-checkbuilddeps lintian autopkgtest > /dev/null &&
		dpkg-checkbuilddeps $(package_is_private && echo -Ppkg.pgcares.private-cares)
}

fill_package()
{
	begin
	updated=yes
	get_packages build-essential dpkg-dev lintian autopkgtest iproute2
	cd "$repository" || exit 1
	cares_is_packaged || scripts/fetch-c-ares --quiet "$private_cares" || exit 1
	apt_install "what debian/control names" build-dep $(package_is_private && echo -Ppkg.pgcares.private-cares) ./
}

package_build()
{
	local release=$1 options=() version

	useradd -m -d "$package_place" packager && cp -R debian "$package_place" || return
	version=$(dpkg-parsechangelog -S Version)
	cp pgcares-*.tar.gz "$package_place/pgcares_${version%-*}.orig.tar.gz"
	tar -C "$package_place" -xf pgcares-*.tar.gz && cd "$package_place" && mv pgcares-*/ source && mv debian source && cd source || return
	if package_is_private; then
		options=(-b -Ppkg.pgcares.private-cares)
		mkdir build && cp -R "$private_cares" build/cares
	fi
	# what is in git is for the first of the releases
	[ "$release" = "${package_releases[0]}" ] || pg_buildext updatecontrol
	chown -R packager: "$package_place"
	package_as_user "DEB_BUILD_OPTIONS=parallel=$(nproc)" dpkg-buildpackage -us -uc "${options[@]}" > "$package_place/log" 2>&1 ||
		{ tail -n 60 "$package_place/log"; return 1; }
	grep -E '^dpkg-deb: building' "$package_place/log"
}

package_as_user()
{
	setpriv --reuid=packager --regid=packager --clear-groups env "HOME=$package_place" "$@"
}

package_lintian()
{
	cd "$package_place" && package_as_user lintian --fail-on error,warning ./*.changes
}

package_install()
{
	local package listening

	DEBIAN_FRONTEND=noninteractive dpkg -i "$package_place"/postgresql-*-pgcares_*.deb || return
	for package in $(dpkg-query -f '${Package}\n' -W 'postgresql-*-pgcares'); do
		! dpkg -L "$package" | grep -E '^/etc/.|/systemd/|/init\.d/' || return
		dpkg-query -f '${Package} ${Version} needs ${Depends}\n' -W "$package"
	done
	listening=$(ss -Hltun '( sport = :53 or sport = :5432 )')
	[ -z "$listening" ] || { echo "$listening"; return 1; }
}

package_autopkgtest()
{
	cd "$package_place/source" && autopkgtest --no-built-binaries . -- null > "$package_place/log" 2>&1 ||
		{ tail -n 100 "$package_place/log"; return 1; }
	sed -n '/^autopkgtest .* summary$/,$p' "$package_place/log"
}
