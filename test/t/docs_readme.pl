# Every statement of README.md runs, and gives the output that README.md shows for
# it, except for times.

use strict;
use warnings;
use utf8;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use NameServer;

# A block of statements, and the block of output after it if there is one
my $fence = qr/```/;
my $block = qr/^${fence}sql\n(.*?)^$fence\n(?:\n$fence\n(.*?)^$fence\n)?/ms;

my $readme = slurp_file("$FindBin::Bin/../../README.md");
utf8::decode($readme);
my @examples;
push @examples, { statements => $1, output => $2 // '' } while $readme =~ /$block/g;
cmp_ok(scalar @examples, '>', 10, 'README.md has examples');

my $knot = NameServer->knot;
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<CONF);
pgcares.servers = '@{[$knot->address]}'
pgcares.resolvconf = '/dev/null'
lc_messages = 'C'
CONF
$node->start;

# One session, as a reader would have it, with a mark before each example
my $script = '';
$script .= "\\echo \@example $_\n$examples[$_]{statements}" for 0 .. $#examples;
utf8::encode($script);

my $output = '';
local $ENV{PGCLIENTENCODING} = 'UTF8';
IPC::Run::run([ 'psql', '-X', '-q', '-d', $node->connstr('postgres') ],
	'<', \$script, '>', \$output, '2>&1');
utf8::decode($output);
$output =~ s/[ \t]+$//mg;

my (undef, @results) = split /^\@example \d+\n/m, $output, -1;
is(scalar @results, scalar @examples, 'all examples have run');
for my $i (0 .. $#examples)
{
	my ($first) = split /\n/, $examples[$i]{statements};

	utf8::encode($first);
	s/\s+\z/\n/ for $results[$i] //= '', $examples[$i]{output};
	s/\A\n\z// for $results[$i], $examples[$i]{output};
	hide_times($_) for $results[$i], $examples[$i]{output};
	is($results[$i], $examples[$i]{output}, $first);
}

done_testing();

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
	$_[0] =~ s/^ *(QUERY PLAN)$/$1/m;
	$_[0] =~ s/^-+$/-/m;
}
