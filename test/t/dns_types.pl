# Property: every record of the zone with all types is shown as dig shows it, and a
# type gives the same records by number and by name.

use strict;
use warnings;

use FindBin;
use IPC::Run ();
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# Records that can differ from the output of dig, why, and how. Owners are below
# all.example.
my @differences = (
	# words that dig 9.18 does not know: CLA and IPN; dohpath and ohttp, which it prints
	# as key7 and key8
	[ 'cla', 'CLA "claim"' ],
	[ 'ipn', 'IPN \# 8 0000000100000005' ],
	[ 'https-dohpath', 'HTTPS 1 . alpn="h2" dohpath="/dns-query{?dns}"' ],
	[ 'https-future', 'HTTPS 1 . ohttp key9="\000\029"' ],
	# dig treats the last of these, which has no key, as malformed; RFC 4025 section 2.4
	# has algorithm 0 for that
	[ 'ipseckey',
		'IPSECKEY 10 0 2 . AQIDBAUGBwgJCgsMDQ4PEA==',
		'IPSECKEY 10 1 2 192.0.2.38 AQIDBAUGBwgJCgsMDQ4PEA==',
		'IPSECKEY 10 2 2 2001:db8::38 AQIDBAUGBwgJCgsMDQ4PEA==',
		'IPSECKEY 10 3 2 a.all.example. AQIDBAUGBwgJCgsMDQ4PEA==',
		'IPSECKEY 20 0 0 .' ]);

my $knot = NameServer->knot;
my $node = Session->cluster([$knot]);
my $session = Session->new($node);
my %code = map { split /\|/ } split /\n/, $session->text('SELECT type, code FROM dns_types()');

# Each owner and type of the zone file, with escapes
my (@questions, %seen);
foreach my $line (split /\n/, slurp_file("$FindBin::RealBin/../dns/zones/all.example.zone"))
{
	my ($owner, $type) = $line =~ /^([^;\$\s]\S*)\s+(?:\d+\s+)?([A-Z]\S*)/ or next;
	my $name = $owner eq '@' ? 'all.example' : "$owner.all.example";

	push @questions, [ $name, $type ] if !$seen{"$name $type"}++;
}
cmp_ok(scalar @questions, '>', 160, 'the zone has more than 160 sets of records');

# The number of a type: dig need not know its name.
sub number
{
	my ($type) = @_;
	return $type =~ /^TYPE(\d+)$/ ? $1 : $code{$type} // die "no type $type\n";
}

# The records that dig shows for each question
sub dig
{
	my @asked = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/questions';
	my @options = qw(+noall +question +answer +nosplit +nocookie +notcp);
	local $ENV{IDN_DISABLE} = 1;

	# a question before each one marks where its answer begins
	append_to_file($file, join '', map { "marker.all.example TXT\n$_->[0] TYPE" . number($_->[1]) . "\n" } @asked);
	IPC::Run::run([ 'dig', '@127.0.0.1', '-p', $knot->port, @options, '-f', $file ], '>', \my $output);
	my (undef, @answers) = split /^;marker\.all\.example\..*\n/m, $output;
	return map { [ sort map { s/\s+/ /gr } grep { !/^;/ } split /\n/ ] } @answers;
}

# The records that pgcares shows, in the same form
sub ours
{
	my ($name, $type) = @_;
	my $quoted = $name =~ s/'/''/gr;

	return [ sort split /\n/, $session->text(<<"SQL") ];
SELECT concat_ws(' ', CASE name WHEN '.' THEN '.' ELSE name || '.' END, ttl, class, type, rdata)
FROM dns_query('$quoted', '$type', on_error => 'ignore')
SQL
}

SKIP:
{
	skip 'dig is not installed (Debian package: bind9-dnsutils)', 1
	  if !eval { IPC::Run::run([ 'dig', '-v' ], '>&', \my $said) };

	my %may_differ;
	foreach my $difference (@differences)
	{
		my ($owner, @records) = @$difference;
		$may_differ{"$owner.all.example"} = [ map { "$owner.all.example. 300 IN $_" } @records ];
	}

	my %owner = map { $_->[0] => 1 } @questions;
	my @asked = (@questions, map { [ $_, 'ANY' ] } sort keys %owner);
	my @shown = dig(@asked);
	my %equal = (type => 0, ANY => 0);

	is(scalar @shown, scalar @asked, 'dig has asked every question');
	foreach my $i (0 .. $#asked)
	{
		my ($name, $type) = @{ $asked[$i] };
		my $dig = $shown[$i];
		my $ours = ours($name, $type);

		if ($may_differ{$name} && "@$ours" ne "@$dig")
		{
			is_deeply($ours, $may_differ{$name}, "$name $type: a known difference");
			next;
		}
		is_deeply($ours, $dig, "$name $type: as dig shows it");
		$equal{ $type eq 'ANY' ? 'ANY' : 'type' }++ if @$dig && "@$ours" eq "@$dig";
	}
	note("$equal{$_} equal answers by $_") foreach sort keys %equal;
	cmp_ok($equal{type}, '>=', 160, 'at least 160 sets of records are equal');
	cmp_ok($equal{ANY}, '>=', 150, '... and for ANY at least 150');
}

foreach my $question (grep { defined $code{ $_->[1] } } @questions)
{
	my ($name, $type) = @$question;
	my $by_name = ours(@$question);

	is_deeply(ours($name, $_), $by_name, "$name: $type asked as $_")
	  foreach "TYPE$code{$type}", "type$code{$type}", $code{$type}, lc $type;
}

done_testing();
