# The documentation is complete and names nothing that is not there: functions, types,
# settings and statuses have their rows, with arguments, columns, defaults and SQLSTATEs;
# links and paths lead to files and headings; commands have the options, goals and variables
# that they are called with; what is reckoned from measured figures has the present ones.
# README.md is short and begins with an answer.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use File::Basename qw(dirname);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Session;

my $root = "$FindBin::Bin/../..";
my %page = map { substr($_, 1 + length $root) => slurp_file($_) }
  map { glob "$root/$_" } qw(*.md docs/*.md bench/*.md test/*/*.md);
my $session = Session->new(Session->cluster([]));
my $member = q{IN (SELECT objid FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname IN ('pgcares', 'pgcares_tools'))};
my $functions = $page{'docs/functions.md'} . $page{'docs/mail.md'};
$session->text('CREATE EXTENSION pgcares_tools');

readme();
functions();
types();
grants();
settings();
statuses();
names();
links();
commands();
figures();

done_testing();

# The cells of the rows of a page's tables, without those of the head
sub rows
{
	my ($text) = @_;
	my @lines = grep { !/^\|[-|]+$/ } $text =~ /^(\|.*\|)$/mg;

	return map { [ split /(?<!\\) *\| */, s/^\| *//r ] } @lines;
}

sub readme
{
	my @lines = split /\n/, $page{'README.md'};
	my ($first) = grep { $lines[$_] =~ /^\(\d+ rows?\)$/ } 0 .. $#lines;

	cmp_ok(scalar @lines, '<=', 400, 'README.md is short');
	cmp_ok($first + 1, '<=', 15, 'it begins with an answer');
}

# As docs/functions.md writes an argument: in brackets with a default, which is not
# shown if it is NULL or nothing; with its type unless that is text or the default shows it
sub argument
{
	my ($name, $type, $default) = $_[0] =~ /^(\w+) (.*?)(?: DEFAULT (.*?)(?:::[\w\[\]]+)?)?$/ or return $_[0];
	my $typed = $type eq 'text' ? $name : "$name $type";

	return $typed if !defined $default;
	return $default =~ /^(NULL|'\{\}')$/ ? "[$typed]" : "[$name $default]";
}

sub functions
{
	my $there = $session->query(qq{
		SELECT p.proname, pg_get_function_arguments(p.oid), p.prorettype::regtype,
			(SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped),
			has_function_privilege('public', p.oid, 'EXECUTE')
		FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype WHERE p.oid $member ORDER BY p.oid})->{rows};
	my (%row, %columns);

	foreach my $section (split /^(?=## )/m, $functions)
	{
		$row{ $_->[0] } = [ $_->[1], $section =~ /^## Without network/ || $_->[1] =~ /for everybody/ ] foreach rows($section);
	}
	foreach my $function (@$there)
	{
		my ($name, $arguments, $type, $columns, $public) = @$function;
		my $written = "`$name(" . join(', ', map { argument($_) } split /, (?!')/, $arguments) . ')`';
		my $row = $row{$written};

		next if $name eq 'dns_support';
		ok($row, "docs/functions.md or docs/mail.md has a row for $written") or next;
		my ($returned, $for_everybody) = @$row;
		my $returns = join ' ', $returned =~ s/as `(dns_\w+)`/'`' . ($columns{$1} \/\/ $1) . '`'/gre =~ /`(.*?)`/g;
		$returns = join ' ', grep { !/^(inet|integer|bigint|jsonb|bytea|text|interval|boolean|dns_record|timestamptz)(\[\])?$/ } split /[ ,]+/, $returns if defined $columns;
		$returns =~ s/ .*// if !defined $columns;
		$columns{$name} = $columns;
		is($returns, $columns // $type =~ s/^void$| .*//r, '... which shows what it returns');
		is($for_everybody ? 't' : 'f', $public, '... and whether everybody can call it');
	}
}

sub types
{
	my %row = map { $_->[0] => $_->[1] } rows($functions);
	my $types = $session->query(qq{
		SELECT t.typname, (SELECT string_agg(DISTINCT '`' || proname || '`', ', ') FROM pg_proc WHERE prorettype = t.oid)
		FROM pg_type t WHERE t.oid $member AND t.typtype = 'c' ORDER BY 1})->{rows};

	foreach my $type (@$types)
	{
		my ($name, $functions) = @$type;

		is(join(', ', sort split /, /, $row{"`$name`"} // ''), $functions // '', "docs/functions.md or docs/mail.md has the functions of $name");
	}
}

# What a role needs beside a function of pgcares_tools
sub grants
{
	my ($section) = grep { /^## Grants/ } split /^(?=## )/m, $page{'docs/mail.md'};
	my %row = map { $_->[0] => $_->[1] } grep { $_->[0] =~ /^`/ } rows($section);
	my $calls = $session->query(qq{
		SELECT '`' || regexp_replace(p.oid::regprocedure::text, ',', ', ', 'g') || '`', string_agg(DISTINCT '`' || regexp_replace(c.oid::regprocedure::text, ',', ', ', 'g') || '`', ', ')
		FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass
			JOIN pg_proc c ON c.oid = d.refobjid
		WHERE p.oid $member AND NOT has_function_privilege('public', c.oid, 'EXECUTE') AND c.oid $member AND p.prosqlbody IS NOT NULL
		GROUP BY 1})->{rows};

	is_deeply({ map { @$_ } @$calls }, \%row, 'docs/mail.md has the grants that the functions of pgcares_tools need');
}

sub settings
{
	my %mark = (superuser => '*S* ', user => '', postmaster => '*P* ', sighup => '*C* ');
	my %row = map { $_->[0] => $_ } rows($page{'docs/settings.md'});

	# as by default, not as the cluster of this test has them
	my $settings = $session->query(q{LOAD 'pgcares';
		SELECT name, set_config(name, boot_val, true), context FROM pg_settings WHERE name LIKE 'pgcares.%' AND context IN ('user', 'superuser')
		UNION ALL SELECT name, current_setting(name), context FROM pg_settings WHERE name LIKE 'pgcares.%' AND context NOT IN ('user', 'superuser')})->{rows};

	foreach my $setting (@$settings)
	{
		my ($name, $default, $context) = @$setting;
		my $row = $row{"`$name`"};

		ok($row, "docs/settings.md has a row for $name") or next;
		is($row->[1], $default, '... with its default');
		is(($row->[2] =~ /^(\*\w\* )/)[0] // '', $mark{$context}, '... and with who can set it');
	}
	is(scalar(grep { /^`pgcares\./ } keys %row), scalar @$settings, 'docs/settings.md has no others');
}

sub statuses
{
	my %row = map { $_->[0] => $_->[-1] } rows($page{'docs/statuses.md'});
	my $statuses = $session->query('SELECT status, sqlstate FROM dns_statuses() WHERE status IS NOT NULL')->{rows};

	foreach my $status (@$statuses)
	{
		is($row{ $status->[0] }, $status->[1], "docs/statuses.md has a row for $status->[0]");
	}
}

# Functions, types, settings and SQLSTATEs that a page names are there. Pages for
# developers name functions of C too.
sub names
{
	my $there = $session->query(qq{
		SELECT proname FROM pg_proc WHERE oid $member
		UNION SELECT relname FROM pg_class WHERE oid $member
		UNION SELECT typname FROM pg_type WHERE oid $member
		UNION SELECT name FROM pg_settings WHERE name LIKE 'pgcares.%'
		UNION SELECT sqlstate FROM dns_statuses()})->{rows};
	my %there = map { $_->[0] => 1 } @$there, map { [$_] } 'ND000', map { "pgcares.$_" } qw(control so c map);

	foreach my $name (sort grep { !m{^(test|bench)/|architecture} } keys %page)
	{
		my @names = $page{$name} =~ m{(?<![\w/.-])(dns_[a-z]\w*|pgcares\.[a-z]\w*|ND[0A]\d\d)(?![\w*]|\.pl|\.[ch]\b)}g;

		is_deeply([ grep { !$there{$_} } @names ], [], "$name names only what is there");
	}
}

# Links lead to a file and, after #, to a heading there; paths in code spans to files
sub links
{
	foreach my $name (sort keys %page)
	{
		my $text = $page{$name} =~ s/^```.*?^```$//msgr;
		my @wrong;

		foreach my $link (grep { !/^https?:/ } $text =~ /\]\(([^)\s]+)\)/g, $text =~ /(?:src|srcset)="([^"]+)"/g)
		{
			my ($path, $heading) = $link =~ /^([^#]*)(?:#(.*))?$/;
			my $file = $path eq '' ? $name : simplified(dirname($name) . "/$path");

			push @wrong, $link if !-e "$root/$file" || (defined $heading && !grep { $_ eq $heading } headings($page{$file} // ''));
		}
		foreach my $path ($text =~ m{`((?:src|test|docs|bench|scripts|sql|\.ci)/[\w./-]*)`}g)
		{
			push @wrong, $path if !-e "$root/$path" && !-e "$root/" . dirname($name) . "/$path";
		}
		is_deeply(\@wrong, [], "the links of $name lead somewhere");
	}
}

# Commands in blocks for the shell and in code spans: scripts have the options, and the
# Makefile has the goals and variables. What is installed to build pgcares is what
# scripts/lib/packages.sh installs for that.
sub commands
{
	my @needed = sort grep { $_ ne 'ip' } slurp_file("$root/scripts/lib/packages.sh") =~ /^\tmissing_programs (.*) "\$@"$/m
	  ? (split(/ /, $1), qw(postgresql postgresql-server-dev-all libidn2-dev)) : ();
	my $lists = 0;

	foreach my $name (sort keys %page)
	{
		my @lines = map { split /\n/ } $page{$name} =~ /^```sh\n(.*?)^```$/msg;
		my @wrong;

		push @lines, ($page{$name} =~ s/^```.*?^```$//msgr) =~ /`([^`\n]+)`/g;
		foreach my $line (map { split /\s*(?:&&|#.*)\s*/ } @lines)
		{
			my ($program, @words) = split ' ', $line =~ s/^sudo //r;

			push @wrong, $line if ($program // '') =~ m{^(?:scripts|bench)/\w[\w-]*$|^make$} && !understands($program, $line);
			next if $line !~ /apt-get install (.*\bpostgresql-server-dev-all\b.*)/ || $line =~ /build-essential/;
			is_deeply([ sort grep { $_ ne 'libc-ares-dev' } split / /, $1 ], \@needed, "$name: the packages that building takes");
			$lists++;
		}
		is_deeply(\@wrong, [], "$name: the commands have the options, goals and variables that it names");
	}
	is($lists, 3, 'three lists of packages');
}

# Is every word of the line an option, a goal or a variable of the program?
sub understands
{
	my ($program, $line) = @_;

	if ($program eq 'make')
	{
		my $makefile = slurp_file("$root/Makefile");

		foreach my $word (grep { !/^-/ } split ' ', $line =~ s/^(?:sudo )?make//r)
		{
			my ($variable) = $word =~ /^(\w+)=/;
			my $pgxs = qr/^(?:all|install|uninstall|installcheck|clean|COPT|DESTDIR|REGRESS)$/;

			return if ($variable // $word) !~ $pgxs && $makefile !~ (defined $variable ? qr/\b\Q$variable\E\b/ : qr/^\Q$word\E:/m);
		}
		return 1;
	}
	return if !-x "$root/$program";
	my $text = slurp_file("$root/$program");
	$text .= slurp_file($_) foreach glob "$root/scripts/lib/*.sh";

	foreach my $option ($line =~ /(?<=\s)(--[a-z]+)/g)
	{
		return if $text !~ /\Q$option\E\b/;
	}
	return $line !~ /--only ([a-z]\w*)/ || $text =~ /^parts='[^']*\b$1\b/m || -e "$root/sql/$1.sql" || -e "$root/test/t/$1.pl" || $program ne 'scripts/check';
}

# The page on several machines reckons with figures of docs/speed.md
sub figures
{
	my %measured = map { $_->[0] => $_ } rows($page{'docs/speed.md'});
	my ($paper) = $page{'docs/several-machines.md'} =~ /^(## A billion .*)/ms;
	my $per_second = 1e9 / 86400;
	my %shown = map { $_->[0] => [ @$_[ 1, 2 ] ] } rows($paper);
	my @many = map { (split ' ')[0] } @{ $measured{'`dns_query_many`, A'} }[ 1, 6 ];
	my @expected = (
		[ 'processor time of the lookup', sprintf('%.1f us (`dns_query_many`, A)', $many[0]), sprintf('%.2f processors', $many[0] * $per_second / 1e6) ],
		[ 'sessions, 20 ms from a name server that answers all', sprintf('%.0f,000 a second in one', $many[1]), sprintf('%.2f sessions', $per_second / $many[1] / 1000) ]);

	foreach ([ 'resolvers with a list of 1,024 requests, 2 % of the names dead', 2 ], [ 'the same, 10 % dead', 10 ], [ 'the same, 30 % dead', 30 ])
	{
		my ($what, $dead) = @$_;
		my $seconds = $measured{"larger$dead"}[1];

		push @expected, [ $what, sprintf('10,000 names in %.2g s', $seconds), sprintf('%.2g resolvers', 1 + int($per_second * $seconds / 10000)) ];
	}
	foreach (@expected)
	{
		my ($what, @figures) = @$_;
		is_deeply($shown{$what}, \@figures, "docs/several-machines.md: $what");
	}
}

sub simplified
{
	my ($path) = @_;

	$path =~ s{^\./}{};
	1 while $path =~ s{(^|/)(?!\.\.)[^/]+/\.\./}{$1};
	return $path;
}

# The anchors of a page's headings, as sites that show Markdown make them
sub headings
{
	my ($text) = @_;

	$text =~ s/^```.*?^```$//msg;
	return map { lc(s/[^\w\s-]//gr) =~ s/ /-/gr } $text =~ /^#+ +(.*?) *$/mg;
}
