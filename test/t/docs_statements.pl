# Every statement of README.md and of the pages in docs/ runs, and gives the output
# that the page shows for it. Each page has a new PostgreSQL and a session of its own,
# as somebody would have who reads it from top to bottom. A page can say:
#
#   <!-- server: LINE -->       a line for postgresql.conf, such as a preloaded library
#   <!-- output varies -->      before a block: its numbers are not compared
#   <!-- not run: REASON -->    before a block that needs more than one machine, say; this
#                               is for one block in ten at most
#   <!-- run by TEST: WORDS --> before a block that this other test takes from the page,
#                               with its output if there is one
#
# Nothing is shown that no test compares: a block without a language is the output of the
# statements before it, or has one of these marks:
#
#   <!-- in postgresql.conf -->         the lines of the marks for the server
#   <!-- compared by TEST: WORDS -->    this other test compares it
#
# The times in the output of EXPLAIN (ANALYZE) are never compared. Statements inside a
# line of text, too, have to be sound: they run after the others, and can only fail for
# reasons that their surroundings explain.

use strict;
use warnings;
use utf8;

use File::Basename qw(basename);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use NameServer;
use Session;

# A mark, a block of statements, and the block of output after it if there is one
my $fence = qr/```/;
my $block = qr/^(?:<!-- (not run: \S.*?|run by \S+: .+?|output varies) -->\n+)?${fence}sql\n(.*?)^$fence\n(?:\n$fence\n(.*?)^$fence\n)?/ms;

# Errors of a statement inside a line that its surroundings explain: an object is not
# there, or there already; the command cannot run in a transaction; a name has no answer.
# A function is not there either if it belongs to another extension or to the reader.
my $explained = qr/^(00000|25001|3F000|42704|42710|42P01|ND\w+)$/;

my $root = "$FindBin::Bin/../..";
my $knot = NameServer->knot;
my ($blocks, $outputs, $lines, $left_out) = (0, 0, 0, 0);

foreach my $path (sort glob("$root/*.md"), glob("$root/docs/*.md"))
{
	my $page = slurp_file($path);
	utf8::decode($page);

	nothing_else(basename($path, '.md'), $page);
	run_page(basename($path, '.md'), $page) if $page =~ /^${fence}sql$/m || statements_inside_lines($page);
}
note("$blocks blocks of statements, of which $outputs show an output, and $lines statements inside lines");
cmp_ok($blocks, '>', 90, 'there are examples');
cmp_ok(10 * $left_out, '<=', $blocks, 'nearly all of them run');

done_testing();

sub run_page
{
	my ($name, $page) = @_;
	my @examples;

	while ($page =~ /$block/g)
	{
		my ($mark, $statements, $output) = ($1 // '', $2, $3 // '');

		$blocks++;
		$outputs++ if $output ne '';
		if ($mark =~ /^not run/) { $left_out++ }
		elsif ($mark =~ /^run by (\S+): (.+)/)
		{
			like(slurp_file("$root/$1"), $output eq '' ? qr/'\Q$2\E'/ : qr/(?:output|shown)\('\Q$2\E'\)/,
				"$name: $1 runs the block \"$2\"" . ($output ne '' && ', and compares its output'));
		}
		else { push @examples, { varies => $mark ne '', statements => $statements, output => $output } }
	}

	my $node = node_for($name, $page);
	my @results = results($node, @examples);
	is(scalar @results, scalar @examples, "$name: all examples have run");
	for my $i (0 .. $#examples)
	{
		my ($first) = split /\n/, $examples[$i]{statements};

		utf8::encode($first);
		is(comparable($results[$i], $examples[$i]), comparable($examples[$i]{output}, $examples[$i]), "$name: $first");
	}
	run_inside_lines($node, $name, $page);
	$node->stop('immediate');
}

# All blocks of statements are found, and no other block looks like an output
sub nothing_else
{
	my ($name, $page) = @_;
	my @of_server = $page =~ /^<!-- server: (.+) -->$/mg;

	$page =~ s/$block//g;
	unlike($page, qr/^\s*${fence}sql/m, "$name: all blocks of statements are found");
	$page =~ s/^\s*$fence\w+\n.*?^\s*$fence$//msg;
	while ($page =~ /^(?:<!-- ([^\n]+) -->\n+)?\s*$fence\n(.*?)^\s*$fence$/msg)
	{
		my ($mark, $text) = ($1 // '', $2);

		if ($mark eq 'in postgresql.conf')
		{
			is($text =~ s/ +#.*//mgr, join('', map { "$_\n" } @of_server), "$name: the server has the settings that the page shows");
		}
		elsif ($mark =~ /^compared by (\S+): (.+)/)
		{
			like(slurp_file("$root/$1"), qr/'\Q$2\E'/, "$name: $1 compares the block \"$2\"");
		}
		else
		{
			fail("$name: a test compares the block that begins with " . ($text =~ /(.*)/)[0]);
		}
	}
}

# A started PostgreSQL that asks Knot. The extension is there unless the page creates it.
sub node_for
{
	my ($name, $page) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name =~ s/\W/_/gr);

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', join "\n", "pgcares.servers = '@{[$knot->address]}'",
		"pgcares.resolvconf = '/dev/null'", "lc_messages = 'C'", "timezone = 'UTC'", "log_statement = 'none'", $page =~ /^<!-- server: (.+) -->$/mg);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgcares') if $page !~ /^CREATE EXTENSION pgcares;$/m;
	return $node;
}

# What psql prints for each example: one session, with a mark before each of them
sub results
{
	my ($node, @examples) = @_;
	my $script = join '', map { "\\echo \@example $_\n$examples[$_]{statements}" } 0 .. $#examples;
	my $output = '';

	utf8::encode($script);
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	IPC::Run::run([ 'psql', '-X', '-q', '-d', $node->connstr('postgres') ], '<', \$script, '>', \$output, '2>&1');
	utf8::decode($output);
	my (undef, @results) = split /^\@example \d+\n/m, $output, -1;
	return @results;
}

# Output without the blanks at line ends, and without what differs from run to run
sub comparable
{
	my ($output, $example) = @_;

	$output //= '';
	$output =~ s/[ \t]+$//mg;
	$output =~ s/\s+\z/\n/;
	$output =~ s/\A\n\z//;
	hide_times($output);
	if ($example->{varies})
	{
		$output =~ s/\d+(\.\d+)?/N/g;
		$output =~ s/ +/ /g;
		$output =~ s/-+/-/g;
		$output =~ s/^ //mg;
	}
	utf8::encode($output);
	return $output;
}

# Removes from the output of EXPLAIN (ANALYZE) the times, the lines and blanks that
# depend on their length, all that depends on the server's speed, and all that
# PostgreSQL shows only since version 18.
sub hide_times
{
	return if $_[0] !~ /QUERY PLAN/;
	$_[0] =~ s/^ *(Buffers|Planning):.*\n//mg;
	$_[0] =~ s/ rows=(\d+)\.00 / rows=$1 /g;
	$_[0] =~ s/^\(\d+ rows\)$//m;
	$_[0] =~ s/\d+\.\d+/TIME/g;
	$_[0] =~ s/In Flight: \d+/In Flight: SOME/;
	$_[0] =~ s/Rows Ahead: \d+/Rows Ahead: SOME/;
	$_[0] =~ s/^ *(QUERY PLAN)$/$1/m;
	$_[0] =~ s/^-+$/-/m;
}

# Statements in code spans, outside of blocks: complete ones, so neither names of commands,
# in capitals, nor with dots
sub statements_inside_lines
{
	my ($page) = @_;

	$page =~ s/^$fence.*?^$fence$//msg;
	return grep { !/\.\.\./ && !/^[A-Z ()]+$/ } $page =~
	  /`((?:SELECT|SET|RESET|SHOW|ALTER|CREATE|DROP|GRANT|REVOKE|EXPLAIN|WITH|INSERT|UPDATE|DELETE|MERGE|CALL|LOAD|REFRESH)\s[^`]*)`/g;
}

sub run_inside_lines
{
	my ($node, $name, $page) = @_;
	my $session = Session->new($node);

	$session->query('CREATE EXTENSION IF NOT EXISTS pgcares');
	foreach my $statement (statements_inside_lines($page))
	{
		$lines++;
		utf8::encode($statement);
		my $result = $session->query("BEGIN; $statement");

		my $state = Session::sqlstate_of($result);
		my $message = $result->{error}{M} // '';

		ok($state =~ $explained || ($state eq '42883' && $message !~ /dns_/), "$name: $statement")
		  or diag "$state: $message";
		$session->query('ROLLBACK');
	}
}
