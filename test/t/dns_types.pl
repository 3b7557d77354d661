# Property: every record of the zone with all types is shown as dig shows it, and a
# type gives the same records by number and by name. So are random records that no zone
# can have, and their text and jsonb stand for the same octets.

use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use IPC::Run ();
use MIME::Base64 ();
use NameServer;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

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

# ---- Key tags

SKIP:
{
	skip 'dig is not installed (Debian package: bind9-dnsutils)', 1
	  if !eval { IPC::Run::run([ 'dig', '-v' ], '>&', \my $said) };

	my $misbehaving = NameServer->misbehaving;
	my (@shown, @expected);

	foreach my $type (qw(KEY DNSKEY CDNSKEY))
	{
		foreach my $algorithm (0, 5, 8, 13, 15, 16, 200)
		{
			my $key = join '', map { chr int rand 256 } 1 .. 1 + rand 40;
			my $data = unpack 'H*', pack('n C2', 256 + int rand 2, 3, $algorithm) . $key;
			my $name = join('.', map { "hex$_" } $data =~ /.{1,58}/g) . '.example';
			IPC::Run::run([ 'dig', '@127.0.0.1', '-p', $misbehaving->port, qw(+noall +answer +multi +nocookie +notcp), $name, $type ], '>', \my $output);

			push @expected, "$type $data " . ($output =~ /key id = (\d+)/)[0];
			push @shown, "$type $data " . $session->text("SET pgcares.servers = '${\$misbehaving->address}'; SELECT data->>'key_tag' FROM dns_query('$name', '$type')");
		}
	}
	is_deeply(\@shown, \@expected, 'key tags are those that dig shows');

	# dig 9.18 has no RSAMD5; RFC 4034 appendix B.1: the modulus without its last octet
	is($session->text("SELECT data->>'key_tag' FROM dns_query('hex0101030101030102030405.example', 'DNSKEY')"), 0x0304, 'the key tag of RSAMD5');
	$session->text('RESET pgcares.servers');
}

# ---- Records that no zone can have: TSIG, TKEY, addresses of class CH

# How many of each
use constant EACH => 60;

my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");

my @rcodes = (qw(NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE), 11 .. 15,
	qw(BADSIG BADKEY BADTIME BADMODE BADNAME BADALG BADTRUNC));

sub one_of { return $_[ rand @_ ] }
sub octets { return join '', map { chr int rand 256 } 1 .. one_of(0, 1, 2, 16, 32, 64) }

# Fields: octets, the words of rdata, the value in jsonb
sub field_name
{
	my $name = one_of('hmac-sha256', 'hmac-md5.sig-alg.reg.int', 'a\\.b.example', '.', 'gss-tsig');
	return (Wire::name($name), $name eq '.' ? '.' : "$name.", $name);
}
sub field_number
{
	my ($bits) = @_;
	my $number = one_of(0, 1, 300, 2**$bits - 1, int rand 2**$bits);
	return (substr(pack('Q>', $number), 8 - $bits / 8), $number, $number);
}
sub field_error
{
	my $code = one_of(0 .. 24, 65535);
	my $word = $rcodes[$code] // $code;
	return (pack('n', $code), $word, $word);
}
sub field_sized
{
	my $octets = octets();
	my $text = MIME::Base64::encode($octets, '');
	return (pack('n/a*', $octets), $text eq '' ? '0' : length($octets) . " $text", $text);
}
sub field_octal
{
	my ($octets, $number) = field_number(16);
	return ($octets, sprintf('%o', $number), $number);
}

# Types: number, class, section, fields
my %outside = (
	TSIG => [ 250, 255, 3, [ algorithm_name => \&field_name ], [ time_signed => \&field_number, 48 ], [ fudge => \&field_number, 16 ],
		[ mac => \&field_sized ], [ original_id => \&field_number, 16 ], [ error => \&field_error ], [ other_data => \&field_sized ] ],
	TKEY => [ 249, 255, 1, [ algorithm => \&field_name ], [ inception => \&field_number, 32 ], [ expiration => \&field_number, 32 ],
		[ mode => \&field_number, 16 ], [ error => \&field_error ], [ key_data => \&field_sized ], [ other_data => \&field_sized ] ],
	A => [ 1, 3, 1, [ domain_name => \&field_name ], [ address => \&field_octal ] ]);

my @records;

# A message with one record; the id is the caller's. The question has the number of the
# record.
sub message
{
	my ($number, $class, $section, $data) = @_;
	my @counts = map { $_ == $section ? 1 : 0 } 1 .. 3;

	return pack('n5', 0x8400, 1, @counts) . Wire::name('n' . @records . '.example') . pack('n2', 1, 1)
	  . Wire::name('key.example') . pack('n2 N n/a*', $number, $class, 0, $data);
}

foreach my $type (sort keys %outside)
{
	my ($number, $class, $section, @fields) = @{ $outside{$type} };

	foreach (1 .. EACH)
	{
		my ($data, @words, %json) = ('');

		foreach my $field (@fields)
		{
			my ($name, $make, @arguments) = @$field;
			my ($octets, $word, $value) = $make->(@arguments);

			$data .= $octets;
			push @words, $word;
			$json{$name} = "$value";
		}
		push @records, { type => $type, text => "@words", json => \%json, message => message($number, $class, $section, $data),
			cut => message($number, $class, $section, substr $data, 0, rand length $data) };
	}
}

foreach my $record (@records)
{
	my ($hex, $cut) = map { "'\\x1234" . unpack('H*', $record->{$_}) . "'" } 'message', 'cut';
	my $rows = $session->query("SELECT r.rdata, r.type, e.key, e.value FROM dns_parse($hex) m, unnest(answer || additional) r, jsonb_each_text(r.data) e")->{rows};

	is($rows->[0][0], $record->{text}, "$record->{type} as text");
	is($rows->[0][1], $record->{type}, '... of that type');
	is_deeply({ map { $_->[2] => $_->[3] } @$rows }, $record->{json}, '... and as jsonb');
	like($session->text("SELECT coalesce(status, 'NONE') || coalesce((answer || additional)[1].rdata, '') FROM dns_parse($cut, 'ignore')"),
		$record->{type} eq 'A' ? qr/^NOERROR|^NODATA/ : qr/^MALFORMED$|\\# 0$/, '... and cut short');
}

# In class CH, an IPv4 address has no form of its own, nor has a compressed name, which
# could be one.
foreach my $address (qw(192.0.2.1 192.12.0.1 10.0.0.1 0.0.0.0 255.255.255.255 1.0.1.0))
{
	my $data = pack 'C4', split /\./, $address;
	my $text = '\\# 4 ' . uc unpack 'H*', $data;

	is($session->text("SELECT answer[1].rdata FROM dns_parse('\\x1234" . unpack('H*', message(1, 3, 1, $data)) . "')"), $text, "class CH: $text");
}

SKIP:
{
	skip 'dig is not installed (Debian package: bind9-dnsutils)', 1
	  if !eval { IPC::Run::run([ 'dig', '-v' ], '>&', \my $said) };

	my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "no socket: $!\n";
	my $server = fork // die "cannot fork: $!\n";
	if ($server == 0)
	{
		while (my $from = $socket->recv(my $query, 4096))
		{
			my ($id, $number) = $query =~ /^(..).{10}.n(\d+)\x07/s or next;
			$socket->send($id . $records[$number]{message}, 0, $from);
		}
		POSIX::_exit(0);
	}
	my $file = PostgreSQL::Test::Utils::tempdir . '/outside';
	append_to_file($file, join '', map { "n$_.example A\n" } 0 .. $#records);
	IPC::Run::run([ 'dig', '@127.0.0.1', '-p', $socket->sockport, qw(+noall +comments +answer +additional +nosplit +noedns +notcp -f), $file ], '>', \my $output);
	kill 'TERM', $server;
	waitpid $server, 0;
	my @shown = map { s/^\S+\s+0\s+\S+\s+//r =~ s/\s+/ /gr =~ s/ $//r =~ s/RESERVED(1\d)/$1/r } grep { /^key\.example/ } split /\n/, $output;
	is_deeply(\@shown, [ map { "$_->{type} $_->{text}" } @records ], 'dig shows the same');
}

done_testing();
