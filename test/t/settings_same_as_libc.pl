# Property: a resolv.conf means to pgcares what it means to the C library: the same name
# servers, the same search list, and the same number of dots. The C library reads its own
# file only, so this runs it with each file mounted in the place of that one.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use FindBin;
use List::Util qw(uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

use constant RANDOM_FILES => $ENV{PGCARES_DEEP} ? 2000 : 150;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $program = "$folder/resolver";
my $mounted = 'mount --bind "$0" /etc/resolv.conf';
my @inside = qw(unshare --user --map-root-user --mount sh -c);

system($ENV{CC} // 'gcc', '-std=gnu99', '-O1', '-o', $program, "$FindBin::RealBin/../system/resolver.c", '-lresolv') == 0
  or BAIL_OUT('cannot build resolver.c');
append_to_file("$folder/empty", '');
plan skip_all => 'no file can be mounted here' if system("@inside '$mounted' $folder/empty > /dev/null 2>&1") != 0;
delete @ENV{qw(RES_OPTIONS LOCALDOMAIN HOSTALIASES)};

# ---- The files

my @addresses = ('127.0.0.1', '127.1', '127.0.1', '1', '0x7f.1', '0177.0.0.1', '010.1.2.3', '127.0.0.300', '1.2.3.4.5',
	'256.1.1.1', '4294967295', '4294967296', '1.2.65536', '1.2.65535', '08.1.1.1', '1.2.3.', '.1.2.3', '1..2', '-1.2.3.4', '+1', '0x', '0.0.0.0',
	'127.0.0.1:53', '[::1]', '[::1]:53', '::1', '2001:DB8::1', '::ffff:192.0.2.1', '::', '1::2::3', 'fe80::1%lo', 'fe80::1%1',
	'localhost', 'ns.example', 'dns://127.0.0.1', '127.0.0.1;127.0.0.2', '127.0.0.1#comment', '"127.0.0.1"', '127.0.0.1,127.0.0.2');
my @servers = map { "nameserver $_\n" } 1 .. 5, '127.0.0.2', '127.0.0.2', '10.0.0.1', '::1', '2001:db8::2', '127.3';
my @files = (
	(map { "nameserver $_\n" } @addresses),
	(map { "nameserver $_\nnameserver 127.0.0.9\n" } @addresses),
	# how a line is written
	"nameserver 127.0.0.2", "nameserver\t127.0.0.2\n", "nameserver \t 127.0.0.2 \t \n", " nameserver 127.0.0.2\n",
	"\tnameserver 127.0.0.2\n", "nameserver127.0.0.2\n", "nameserver\n", "nameserver \n", "NAMESERVER 127.0.0.2\n",
	"nameservers 127.0.0.2\n", "nameserver 127.0.0.2 127.0.0.3\n", "nameserver 127.0.0.2 # x\n", "nameserver 127.0.0.2 ; x\n",
	"nameserver # 127.0.0.2\n", "# nameserver 127.0.0.2\n", ";nameserver 127.0.0.2\n", "\n\nnameserver 127.0.0.2\n\n",
	"nameserver 127.0.0.2\nnameserver", "x\nnameserver 127.0.0.2\n", 'nameserver ' . ' ' x 5000 . "127.0.0.2\n",
	# how many servers
	(map { join '', @servers[ 0 .. $_ ] } 1 .. 4), join('', @servers[ 5, 6, 7, 8, 9 ]), join('', @servers[ 8, 0, 9, 1 ]),
	"nameserver x\nnameserver y\n" . join('', @servers[ 0 .. 4 ]),
	# the search list
	"search a.example\n", "search a.example b.example\tc.example \n", "search\ta.example\n", " search a.example\n",
	"domain a.example\n", "domain a.example b.example\n", "domain a.example\nsearch b.example c.example\n",
	"search b.example c.example\ndomain a.example\n", "search a.example\nsearch b.example\n", "search a.example\nsearch\n",
	"search a.example\nsearch \n", "domain a.example\ndomain\n", "search a.example\ndomain \t\n", "searching a.example\n",
	"search A.Example a.b.c.d.e.example\n", "search a.example.\n", "search a b c d e f\n", "search com\n",
	# the dots
	(map { "search a.example\noptions ndots:$_\n" } 0, 1, 2, 3, 15, 16, 99, '', 'x', '2x'), "search a.example\noptions\tndots:2\n",
	"search a.example\n options ndots:2\n", "search a.example\noptions timeout:1 attempts:2 rotate ndots:2 edns0 trust-ad\n",
	"search a.example\noptions ndots:2\noptions ndots:0\n", "search a.example\noptions ndots:0 ndots:2\n", "options ndots:2\nsearch a.example\n",
	"search a.example\noptions Ndots:2\n", "search a.example\noptions xndots:2\n",
	"search a.example\nsortlist 130.155.160.0/255.255.240.0 130.155.0.0\noptions ndots:2\n");

# Lines at random, of words and blanks at random
srand 19;
sub one_of { return $_[ rand @_ ] }
sub random_line
{
	my $keyword = one_of(qw(nameserver nameserver nameserver nameserver search domain options unknown));
	my %words = (
		search => [ 'a.example', 'b.example', 'com', 'c.d.example' ],
		domain => [ 'a.example', 'b.example', 'com' ],
		options => [qw(ndots:0 ndots:1 ndots:2 ndots:3 rotate timeout:3 attempts:1 use-vc unknown)],
		unknown => ['x'],
		nameserver => \@addresses);
	my @words = map { one_of(@{ $words{$keyword} }) } 1 .. one_of(0, 1, 1, 1, 1, 2, 3);

	return one_of('', '', '', '', '', '', ' ', '#', ';') . join('', $keyword, map { one_of(' ', ' ', "\t", '  ', " \t") . $_ } @words)
	  . one_of('', '', '', ' ', "\t") . "\n";
}
push @files, map { join '', map { random_line() } 1 .. 1 + rand 8 } 1 .. RANDOM_FILES;

# ---- As the C library reads them

foreach my $number (0 .. $#files)
{
	append_to_file(sprintf("%s/%05d.conf", $folder, $number), $files[$number]);
}
my $script = 'for file in "$0"/*.conf; do mount --bind "$file" /etc/resolv.conf || exit; "$1"; umount /etc/resolv.conf; done';
open(my $output, '-|', @inside, $script, $folder, $program) or die "cannot run unshare: $!\n";
chomp(my @lines = <$output>);
close $output or die "the C library did not read the files\n";
is(scalar @lines, 3 * @files, 'the C library has read all files');

# ---- As pgcares reads them

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $session = Session->new($node);
$session->text(q{LOAD 'pgcares'; SET pgcares.default_server = on; SET pgcares.lookups = 'b'; SET pgcares.keep_open = on});

foreach my $number (0 .. $#files)
{
	my ($servers, $domains, $ndots) = map { my ($word, @rest) = split ' ', $lines[ 3 * $number + $_ ]; [@rest] } 0 .. 2;
	my $what = $files[$number] =~ s/\n/\\n/gr =~ s/\t/\\t/gr =~ s/ {100,}/ .../r;

	$session->text(sprintf q{SET pgcares.resolvconf = '%s/%05d.conf'; SET pgcares.servers = ''}, $folder, $number);
	my @read = split /\n/, $session->text(q{SELECT concat_ws('%', host(address), interface) FROM dns_servers() ORDER BY ord});
	is_deeply(\@read, [ uniq @$servers ], "servers: $what");

	# every name that a search asks for, the name itself among them
	$session->text("SET pgcares.servers = '${\$server->address}'");
	foreach my $dots (0 .. 2)
	{
		my $name = 'nxdomain' . '.x' x $dots;
		my @completed = uniq map { "$name." . s/\.$//r } @$domains;

		$server->forget;
		$session->query("SELECT * FROM dns_search('$name')");
		is_deeply([ map { $_->{name} } $server->log ], [ $dots >= $ndots->[0] ? ($name, @completed) : (@completed, $name) ],
			"search, $dots dots: $what");
	}
}
done_testing();
