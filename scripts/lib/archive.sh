# archive.sh - what is released builds by itself; sourced by check
#
# The archive is made of the files that git would take, whether they are committed or
# not: the copy of the tree is committed to a repository of its own.

run_archive()
{
	heading "release archive"
	step bash -c "$(declare -f inside_archive inside_release); inside_archive \"\$@\"" archive "$work/stage" "$major"
	verdict $? "the archive of a release builds, and installs the same files"
}

# Makes the archives in a new folder.
inside_release()
{
	local folder=$1

	export GIT_DIR=$folder/git GIT_WORK_TREE=$PWD
	mkdir "$folder" &&
		git init -q && git add -A &&
		git -c user.name=check -c user.email=check@localhost commit -q -m release &&
		(cd "$folder" && make -s -f "$GIT_WORK_TREE/Makefile" VPATH="$GIT_WORK_TREE" dist)
}

# Builds what a user of PGXN gets, and compares it with what was built from the tree.
inside_archive()
{
	local stage=$1 folder=$TMPDIR/archive tree cares

	[ ! -e build/cares ] || cares=$PWD/build/cares
	inside_release "$folder" || return
	cd "$folder" && unzip -q ./*.zip && tree=$(echo */META.json) && tree=${tree%/*} || return
	diff <(tar -tf ./*.tar.gz | grep -v '/$' | sort) <(find "$tree" -type f | sort) || return
	[ -e "$tree/debian" ] || [ -e "$tree/.gitignore" ] && { echo "files that are not for users"; return 1; }
	make -s -C "$tree" -j "$(nproc)" COPT=-O0 ${cares:+"CARES_PREFIX=$cares"} install DESTDIR="$folder/stage" > log 2>&1 ||
		{ cat log; return 1; }
	diff <(cd "$stage" && find . -type f | sort) <(cd "$folder/stage" && find . -type f | sort)
}
