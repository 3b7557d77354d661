# lint.sh - checks of the files without running them; sourced by check
#
# The functions that start with "inside" are the checks: each runs as the
# unprivileged user in the copy of the tree, in a shell of its own, and prints
# something only when it finds something.

# lint NAME FUNCTION ARGUMENT...: one check.
lint()
{
	local name=$1 status

	shift
	run timeout -k 10 "$step_limit" bash -c "$(declare -f "$1" inside_references); \"\$@\"" lint "$@" > "$work/lint.log" 2>&1
	status=$?
	verdict "$status" "$name"
	[ "$status" = 0 ] || sed 's/^/    /' "$work/lint.log"
}

# Runs PARSER on the files that are for it, by their suffix or first line.
inside_parse()
{
	local parser=$1 suffix=$2 first=$3 status=0 file line message

	while IFS= read -r -d '' file; do
		IFS= read -r line < "$file" 2> /dev/null || :
		[[ $file =~ $suffix || $line =~ $first ]] || continue
		message=$($parser "$file" 2>&1) || { status=1; echo "$message"; }
	done < <(find . -name build -prune -o -type f -print0)
	return "$status"
}

# The Makefile names each object of src/, and no other.
inside_objects()
{
	diff <(grep -o 'src/[a-z_/]*\.o' Makefile | sort -u) <(find src -name '*.c' | sed 's/c$/o/' | sort)
}

# Prints "FILE OTHER" for each reference from one object of src/ to another.
inside_references()
{
	find src -name '*.o' -exec nm -A {} + | awk '
		{
			file = substr($1, 1, index($1, ":") - 1)
			kind = $(NF - 1)
			sub(/^.*:/, "", kind)
			if (kind ~ /^[TDBRC]$/)
				home[$NF] = file
			else if (kind == "U")
				references[file " " $NF]
		}
		END {
			for (reference in references) {
				split(reference, pair, " ")
				if ((pair[2] in home) && home[pair[2]] != pair[1])
					print pair[1], home[pair[2]]
			}
		}' | sort -u
}

# No files refer to each other in a circle, directly or not: tsort prints the files of
# a circle.
inside_circles()
{
	inside_references | tsort > /dev/null
}

# No file includes a header of a folder behind its own in the order of the Makefile, or
# refers to a file there.
inside_order()
{
	{
		inside_references
		grep '^#include "' src/*/*.[ch] | sed 's/:#include "/ src\//; s/"$//'
	} | awk -v order="$(sed -n 's/^FOLDERS = //p' Makefile)" '
		BEGIN {
			count = split(order, folders, " ")
			for (i = 1; i <= count; i++)
				rank[folders[i]] = i
		}
		{
			split($1, own, "/")
			split($2, other, "/")
			if ((own[2] in rank) && (other[2] in rank) && rank[other[2]] > rank[own[2]]) {
				print
				status = 1
			}
		}
		END { exit status }'
}

# No function is called in an argument of Min() or Max(), macros that would call it twice.
inside_min()
{
	! perl -0777 -ne '
		while (/\b(?:Min|Max)(\((?:[^()]++|(?1))*\))/g) {
			my ($arguments, $line) = ($1, 1 + (substr($_, 0, $-[0]) =~ tr/\n//));
			pos() = $-[1];
			print "$ARGV:$line: $&()\n" if $arguments =~ /\b(?!(?:sizeof|lengthof|offsetof|Min|Max)\b)\w*[a-z]\w*(?=\()/;
		}' src/*/*.[ch] | grep .
}

# The module exports only symbols that PostgreSQL or SQL functions look up.
inside_symbols()
{
	local names

	names=$(nm -D --defined-only pgcares.so | awk '{ print $3 }')
	! readelf -d pgcares.so | grep TEXTREL || return 1
	awk '
		{ there[$1] = 1 }
		END {
			status = !(("Pg_magic_func" in there) && ("_PG_init" in there))
			for (name in there) {
				if (name == "Pg_magic_func" || name == "_PG_init" || name ~ /^pg_finfo_pgcares_/)
					continue
				if (name ~ /^pgcares_/ && ("pg_finfo_" name) in there)
					continue
				print "should not be seen: " name
				status = 1
			}
			exit status
		}' <<< "$names"
}

# META.json has all that PGXN requires, and what it shows of a release; its version is
# the control file's, with a third number if need be, and it has each extension.
inside_metadata()
{
	perl -MJSON::PP -e '
		local $/;
		sub text { open my $f, "<", $_[0] or die "$_[0]: $!\n"; <$f> }
		sub version { text($_[0]) =~ /^default_version\s*=\s*\x27(.+?)\x27/m ? $1 : die "$_[0] has no default_version\n" }
		my $version = version("pgcares.control");
		my $meta = decode_json(text("META.json"));
		my @wrong = grep { !defined $meta->{$_} }
			qw(name version abstract maintainer license provides meta-spec release_status resources);
		push @wrong, "release_status" if ($meta->{release_status} // "") !~ /^(stable|testing|unstable)$/;
		push @wrong, "resources.homepage" if ($meta->{resources}{homepage} // "") !~ m{^https://};
		push @wrong, "version" if $meta->{version} !~ /^\Q$version\E(\.0)?$/ || $meta->{version} !~ /^\d+\.\d+\.\d+$/;
		push @wrong, "name" if $meta->{name} ne "pgcares";
		push @wrong, "meta-spec.version" if !$meta->{"meta-spec"}{version};
		foreach my $extension (map { s/\.control$//r } glob "*.control") {
			my ($its, $own) = ($meta->{provides}{$extension} // {}, version("$extension.control"));
			push @wrong, "provides.$extension.version" if ($its->{version} // "") !~ /^\Q$own\E(\.0)?$/;
			push @wrong, "provides.$extension.docfile" if !-s ($its->{docfile} // "");
			push @wrong, "provides.$extension.file" if ($its->{file} // "") ne "$extension--$own.sql" || !-s $its->{file};
		}
		die map { "META.json: $_ is missing or does not fit\n" } @wrong if @wrong;'
}

# README.md and docs/speed.md state the speeds that were measured.
inside_speed()
{
	local marked='1,/^<!-- speed:/d; /^<!-- end of speed/,$d'

	diff <(sed "$marked" README.md) <(perl bench/report.pl --short bench/speed.csv) &&
		diff <(sed "$marked" docs/speed.md) <(perl bench/report.pl --svg "$TMPDIR/speed.svg" bench/speed.csv) &&
		cmp bench/speed.svg "$TMPDIR/speed.svg"
}

# The help of the scripts names the options, parts and files that exist, and all options
# and parts.
inside_help()
{
	local script status=0 file

	for script in scripts/check scripts/demo; do
		$script --help > "$TMPDIR/help" || return
		diff <(grep -oE -e '--[a-z]+' "$TMPDIR/help" | sort -u) \
			<(sed -n '/^options()/,/^}/p' "$script" | grep -oE -e '--[a-z]+' | sort -u) || status=1
		for file in $(grep -oE '\b(bench|build|debian|docs|expected|scripts|sql|src|test)/[A-Za-z0-9_./-]*' "$TMPDIR/help" | sed 's/[.]$//'); do
			[ -e "$file" ] || [[ $file == build/* ]] || { echo "$script: there is no $file"; status=1; }
		done
	done
	diff <(scripts/check --help | tr -s '\n, ' ' ' | sed 's/.* or a part: \(.*\) --store .*/\1/; s/and of --deep://' | xargs -n 1) \
		<(sed -n "s/^parts='\(.*\)'/\1/p" scripts/check | xargs -n 1) || status=1
	return "$status"
}

# Without a way to the mirrors, apt's cause is told in one line, and no package that the
# lists lack is tried.
inside_mirror()
{
	local place=$TMPDIR/apt output

	command -v apt-get > /dev/null || return 0
	mkdir -p "$place"/{lists,cache/archives}/partial
	echo 'deb http://127.0.0.1:1/debian stable main' > "$place/sources.list"
	printf '%s;\n' "Dir::Etc::SourceList \"$place/sources.list\"" 'Dir::Etc::SourceParts "/dev/null"' "Dir::State::Lists \"$place/lists\"" \
		"Dir::Cache \"$place/cache\"" 'Debug::NoLocking "1"' 'Acquire::Retries "0"' 'Acquire::http::Proxy "DIRECT"' > "$place/apt.conf"
	output=$(APT_CONFIG=$place/apt.conf bash -c '. scripts/lib/setup.sh; work=$1 privileged=(env); get_packages make not-listed' check "$place" 2>&1 | grep -v '^check: \.\.\. ')
	[ "$(wc -l <<< "$output")" = 3 ] && grep -q 'cannot fetch http://127.0.0.1:1/[^ ]*: .' <<< "$output" &&
		grep -q '^check: cannot install make not-listed$' <<< "$output" || { echo "$output"; return 1; }
}

run_lint()
{
	local perl_lib

	perl_lib=$("$bindir/pg_config" --pkglibdir)/pgxs/src/test/perl
	heading "lint"
	lint "shell scripts parse" inside_parse 'bash -n' '\.sh$' '^#!.*/(ba|da)?sh'
	lint "Perl files parse" inside_parse "perl -Itest/dns -Itest/fuzz -Ibench -I$perl_lib -c" '\.(pl|pm|t)$' '^#!.*perl'
	lint "META.json fits the control files" inside_metadata
	lint "the Makefile lists src/" inside_objects
	lint "no files of src/ refer to each other in a circle" inside_circles
	lint "no file of src/ refers to a folder behind its own" inside_order
	lint "no file of src/ calls a function in Min() or Max()" inside_min
	lint "README.md and docs/speed.md show the speed that was measured" inside_speed
	lint "the help of the scripts names what exists" inside_help
	lint "a mirror that cannot be reached is named in one line" inside_mirror
	lint "the library shows only what PostgreSQL needs" inside_symbols
}
